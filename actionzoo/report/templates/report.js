"use strict";
const pictures = JSON.parse(document.getElementById("pictures").textContent);
const pause = document.getElementById("pause");
let still = matchMedia("(prefers-reduced-motion: reduce)").matches;

// A picture is in the page once, however many pairs show it, and is unpacked when it is first looked at.
function show(image) {
  const moving = pictures[image.dataset.picture];
  if (!still) {
    image.src = moving;
    return;
  }
  const first = new Image();
  first.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = first.naturalWidth;
    canvas.height = first.naturalHeight;
    canvas.getContext("2d").drawImage(first, 0, 0);
    if (still) image.src = canvas.toDataURL();
  };
  first.src = moving;
}

function open() {
  const pair = location.hash.startsWith("#pair-") && document.getElementById(location.hash.slice(1));
  if (!pair) return;
  pair.querySelectorAll("img[data-picture]").forEach(show);
  pair.querySelector("h3").focus({ preventScroll: true });
  pair.scrollIntoView();
}

function label() {
  pause.setAttribute("aria-pressed", String(still));
}

pause.hidden = Object.keys(pictures).length === 0;
pause.addEventListener("click", () => {
  still = !still;
  label();
  document.querySelectorAll("img[src][data-picture]").forEach(show);
});
addEventListener("hashchange", open);
label();
open();
