"""The words all rooms speak: frozen values, Protocols and errors.

Nothing comes in and nothing goes out: the package does no I/O, imports none of the other rooms and holds no
behaviour beyond what a value needs to be valid and to have one canonical spelling. A type that only one room uses
stays in that room.
"""
