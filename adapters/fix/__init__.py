"""FIX 4.4 sessions: messages, the engine at the edge, and the log as its memory.

    gateway -> venue.py -> journal.py -> log ; initiator.py -> QuickFIX -> the wire
    the wire -> QuickFIX -> initiator.py -> journal.py -> log ; venue.py -> gateway

Only `engine.py` imports QuickFIX.
"""
