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

// A plot is fetched as an image that fits the theme and the room it has.
function showPlots(within) {
  for (const image of within.querySelectorAll("img[data-plot]")) {
    const room = image.parentElement.clientWidth;
    const size = room < 420 ? "narrow" : room < 640 ? "wide" : image.dataset.widest;
    const address = `${image.dataset.plot}&theme=${chosenTheme()}&size=${size}`;
    if (image.getAttribute("src") !== address) {
      image.setAttribute("src", address);
    }
  }
}

function nameOf(image) {
  return image.dataset.plot.split("?")[0];
}

// Takes over what is new, block by block, so that what a person reads or has the focus on stays where it is.
function takeOver(fresh, figures) {
  figures.dataset.every = fresh.dataset.every;
  for (const block of fresh.querySelectorAll("[data-block]")) {
    const old = figures.querySelector(`[data-block="${block.dataset.block}"]`);
    if (old.dataset.html === block.innerHTML) {
      continue;
    }
    const images = [...old.querySelectorAll("img[data-plot]")];
    const wanted = [...block.querySelectorAll("img[data-plot]")];
    const html = block.innerHTML;
    // The picture that is there stays in sight until the new one has come.
    if (images.length > 0 && String(images.map(nameOf)) === String(wanted.map(nameOf))) {
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

function tellConnection(text) {
  const line = document.getElementById("connection");
  line.hidden = !text;
  line.textContent = text;
}

async function update(figures) {
  try {
    const answer = await fetch(figures.dataset.from, { cache: "no-cache" });
    if (!answer.ok) {
      throw new Error(answer.status === 401 ? "Your login is over: log in to Airflow again." : "");
    }
    const text = await answer.text();
    takeOver(new DOMParser().parseFromString(text, "text/html").getElementById("figures"), figures);
    tellConnection("");
  } catch (error) {
    tellConnection(error instanceof TypeError || !error.message ? "Airflow does not answer; trying again." : error.message);
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
