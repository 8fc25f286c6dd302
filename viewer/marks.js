/*
 * marks.js - what lies over the lanes: selection, crosshair, notes, the period pointed at
 *
 * Elements, not a canvas: they change with every move of the pointer, and the browser then redraws only where they are.
 */
import { h } from "./dom.js";
import { visible } from "./text.js";
import * as vp from "./viewport.js";

const FLAG = 24;		/* pixels of a note's number: those that would lie under it stand below each other */

export const make = () => ["selection", "pointed", "cursor"].map((name) => h("i", { class: `mark ${name}`, hidden: true }));

function put(e, x, y, width, height) {
	e.style.transform = `translate(${x}px, ${y}px)`;
	e.style.width = `${width}px`;
	e.style.height = `${height}px`;
	e.hidden = false;
}

/* rows are those in sight; box is the element that holds the marks. */
export function place(box, view, { rows, top, width, height }) {
	const [selection, pointed, cursor] = view.marks, v = view.viewport, p = view.pointed;
	const row = p?.begin !== undefined && rows.find((r) => r.kind === "lane" && r.lane === p.lane);

	selection.hidden = pointed.hidden = cursor.hidden = true;
	if (view.selection) {
		const [x0, x1] = view.selection.map((t) => Math.min(Math.max(vp.x_at(v, t), -9), width + 9));

		put(selection, Math.round(x0), 0, Math.max(Math.round(x1) - Math.round(x0), 1), height);
	}
	if (row) {
		const x0 = Math.max(vp.x_at(v, p.begin), -4), x1 = Math.min(vp.x_at(v, p.end), width + 4);

		put(pointed, x0, row.top - top, Math.max(x1 - x0, 2), row.height - 2);
	}
	if (view.cursor && view.cursor.x >= 0 && view.cursor.x <= width)
		put(cursor, Math.round(view.cursor.x), 0, 1, height);
	notes(box, view, rows, top, width, height);
}

function notes(box, view, rows, top, width, height) {
	while (view.flags.length > view.notes.length)
		view.flags.pop().remove();
	view.notes.forEach((n, i) => {
		const e = view.flags[i] ||= box.appendChild(h("i", { class: "mark note" }, h("b", {}))), x = Math.round(vp.x_at(view.viewport, n.t));
		const row = rows.find((r) => r.kind === "lane" && r.lane === n.lane), text = `${i + 1}`;
		const above = view.notes.filter((m, k) => k < i && m.lane === n.lane && Math.abs(vp.x_at(view.viewport, m.t) - x) < FLAG).length;

		if (e.firstChild.textContent !== text)
			e.firstChild.textContent = text;
		e.firstChild.title = visible(n.text);
		e.firstChild.style.top = `${above * 17}px`;
		e.style.zIndex = view.notes.length - i;
		put(e, x, row ? row.top - top : 0, 2, row ? row.height : height);
		e.hidden = x < -20 || x > width;
	});
}
