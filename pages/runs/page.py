"""What is running, what came out, how do two runs differ?"""

import streamlit as st

from xviz.dashboard.address import forget_all, show_notices
from xviz.dashboard.frame import finish_head, head
from xviz.dashboard.jobs import all_runs
from xviz.dashboard.run_choices import chosen_runs, filters
from xviz.dashboard.run_compare import show_comparison
from xviz.dashboard.run_list import show_at_work, show_nothing, show_table
from xviz.dashboard.run_view import show_run

forget_all()
head("Runs", "What is running, what came out, how do two runs differ?")
runs = all_runs()
show_at_work(runs)
if not runs:
    show_notices()
    show_nothing()
    st.stop()

found = filters(runs)
table = show_table(found, runs)
chosen = chosen_runs(runs, table)
finish_head()
show_notices()
if len(chosen) > 1:
    show_comparison(chosen)
elif chosen:
    show_run(chosen[0])
else:
    st.caption("Select a run to see its curves, results and log; select several to compare them.")
