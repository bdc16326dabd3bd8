"use strict";
// Before the first paint: the theme chosen in Airflow, otherwise that of the system.
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function chosenTheme() {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme"); // where Airflow's own pages keep it
  } catch {
    // the browser allows no storage
  }
  return chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
}

function applyTheme() {
  document.documentElement.dataset.theme = chosenTheme();
}

applyTheme();

// Load each plot in the theme of the page and in the size that fits its column.
function showPlots(within) {
  for (const image of within.querySelectorAll("img[data-plot]")) {
    const width = image.parentElement.clientWidth;
    const size = width < 420 ? "narrow" : width < 640 ? "wide" : image.dataset.widest;
    const address = `${image.dataset.plot}&theme=${chosenTheme()}&size=${size}`;
    if (image.getAttribute("src") !== address) {
      image.setAttribute("src", address);
    }
  }
}

function plotName(image) {
  return image.dataset.plot.split("?")[0];
}

// Replace only the blocks that have changed, so that the selection and the focus elsewhere stay.
function replaceBlocks(fresh, figures) {
  figures.dataset.every = fresh.dataset.every;
  for (const block of fresh.querySelectorAll("[data-block]")) {
    const old = figures.querySelector(`[data-block="${block.dataset.block}"]`);
    if (old.dataset.html === block.innerHTML) {
      continue;
    }
    const images = [...old.querySelectorAll("img[data-plot]")];
    const wanted = [...block.querySelectorAll("img[data-plot]")];
    const html = block.innerHTML;
    // A plot stays visible until its new version is loaded.
    if (images.length > 0 && String(images.map(plotName)) === String(wanted.map(plotName))) {
      wanted.forEach((image, index) => {
        images[index].dataset.plot = image.dataset.plot;
        images[index].alt = image.alt;
      });
    } else {
      old.innerHTML = html;
    }
    old.dataset.html = html;
  }
  showPlots(figures);
}

function showConnection(text) {
  const line = document.getElementById("connection");
  line.hidden = !text;
  line.textContent = text;
}

async function update(figures) {
  try {
    const response = await fetch(figures.dataset.from, { cache: "no-cache" });
    if (!response.ok) {
      throw new Error(response.status === 401 ? "Your login has expired. Log in to Airflow again." : "");
    }
    const text = await response.text();
    replaceBlocks(new DOMParser().parseFromString(text, "text/html").getElementById("figures"), figures);
    showConnection("");
  } catch (error) {
    const lost = error instanceof TypeError || !error.message;
    showConnection(lost ? "Airflow does not respond. Trying again." : error.message);
  }
}

async function keepUpToDate(figures) {
  for (;;) {
    await new Promise((resume) => setTimeout(resume, 1000 * Number(figures.dataset.every)));
    if (!document.hidden) {
      await update(figures);
    }
  }
}

document.addEventListener("DOMContentLoaded", () => {
  showPlots(document);
  const again = () => {
    applyTheme();
    showPlots(document);
  };
  dark.addEventListener("change", again);
  window.addEventListener("storage", again);
  window.addEventListener("resize", again);
  const figures = document.getElementById("figures");
  if (figures) {
    keepUpToDate(figures);
  }
});
