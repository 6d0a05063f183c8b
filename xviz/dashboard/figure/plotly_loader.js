// Stands after the text of plotly.min.js: tells every waiting figure that plotly is here.
globalThis.dispatchEvent(new Event("xviz-plotly"));
export default function () {}
