"""The error of a wrong setting; a separate module, since code that reads files raises it too."""

from commands.expected import Expected


class SettingsError(Expected):
    """A variable is wrong, or the server or file that it names cannot be reached."""
