const RATIO = 16 / 9;

/**
 * Keeps the tiles of a grid as large as its space allows: tries every number of columns and takes the best. On a
 * narrow screen a tile may be as tall as it is wide.
 *
 * @param {HTMLElement} grid
 */
export function layOutGrid(grid) {
  const update = () => {
    const style = getComputedStyle(grid);
    const gap = parseFloat(style.columnGap) || 0;
    const width = grid.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = grid.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const tile = largestTile(grid.childElementCount, width, height, gap);
    grid.style.setProperty("--tile-width", `${tile.width}px`);
    grid.style.setProperty("--tile-height", `${tile.height}px`);
  };
  new ResizeObserver(update).observe(grid);
  new MutationObserver(update).observe(grid, { childList: true });
}

/**
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 */
function largestTile(count, width, height, gap) {
  const portrait = height > width;
  let best = { width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const tileHeight = Math.min(cellHeight, portrait ? cellWidth : cellWidth / RATIO);
    const tileWidth = Math.min(cellWidth, tileHeight * RATIO);
    if (tileWidth * tileHeight > best.width * best.height) {
      best = { width: Math.floor(tileWidth), height: Math.floor(tileHeight) };
    }
  }
  return best;
}
