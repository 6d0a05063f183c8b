"""xviz: where do the languages inside a transformer agree, where not, and can they be brought together?

Rooms, in the order in which data flows through them (a room imports only rooms before it):
``store``, ``journal``, ``corpora``, ``models``, ``representations``, ``concepts``, ``projection``,
``learning``, ``evaluation``, ``runs``, ``figures``, ``dashboard``, ``cli``.

Importing :mod:`xviz` loads none of them, and neither torch nor streamlit.
"""

__version__ = "0.1.0"
