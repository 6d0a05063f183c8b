"""The dashboard: ``streamlit run app.py``. Pages are in ``pages/``, what they share in ``xviz/dashboard``."""

from pathlib import Path

from streamlit.starlette import App

from xviz.dashboard.frame import PageEntry, open_frame
from xviz.dashboard.server import in_session, lifespan, tell_error

PAGES = {
    "overview": PageEntry("Overview", ":material/home:"),
    "concept_space": PageEntry("Concept space", ":material/scatter_plot:"),
    "alignability": PageEntry("Alignability", ":material/grid_on:"),
    "own_vectors": PageEntry("Own vectors", ":material/upload_file:"),
    "runs": PageEntry("Runs", ":material/list_alt:"),
}

if in_session():  # the server below runs this file for every reader
    open_frame(PAGES, Path(__file__).parent / "pages")
else:
    app = App(__file__, lifespan=lifespan, on_script_error=tell_error)
