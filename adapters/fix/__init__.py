"""FIX 4.4 sessions: messages, the engine at the edge, and the log as its memory.

    gateway -> venue.py -> journal.py -> log ; engine.py -> child process -> the wire
    the wire -> child process -> engine.py -> journal.py -> log ; venue.py -> gateway

QuickFIX runs in a child process (`native.py`), as native code may crash.
"""
