"use strict";
// Before the page is painted: the theme that the person has chosen in Airflow, else that of the system.
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function chosenTheme() {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme"); // where Airflow's own pages keep it
  } catch {
    // a browser that allows no storage
  }
  return chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
}

function applyTheme() {
  document.documentElement.dataset.theme = chosenTheme();
}

applyTheme();
dark.addEventListener("change", applyTheme);
window.addEventListener("storage", applyTheme);
