"""What do my own vectors look like as a concept space?"""

import streamlit as st

from xviz.dashboard.address import forget_all, show_notices
from xviz.dashboard.frame import head
from xviz.dashboard.own_files import own_files
from xviz.dashboard.own_map_view import own_choices, show_own_map

head("Own vectors", "Extracted elsewhere? An array and a table of its words become a concept space.")
forget_all()
show_notices()

own = own_files()
if own is None:
    st.stop()
show_own_map(own, own_choices(own))
