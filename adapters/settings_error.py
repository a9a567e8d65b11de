"""The error of a wrong setting; apart from the settings, since whatever reads a file raises it."""

from commands.expected import Expected


class SettingsError(Expected):
    """A variable is wrong, or what it names cannot be reached."""
