// Colours of objects, told apart by everybody (M. Okabe and K. Ito, "Color Universal Design", 2008).

const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2"];

/** The colour of an object or track by its number, from 1. @param {number} number */
export function colourOf(number) {
  return COLOURS[(number - 1) % COLOURS.length];
}

/** Dashes for objects beyond the colours, so that no two look alike soon. @param {number} number */
export function dashesOf(number) {
  return ["", "9 4", "3 3"][Math.floor((number - 1) / COLOURS.length) % 3];
}
