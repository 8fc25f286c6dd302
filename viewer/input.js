/*
 * input.js - pointer, touch and wheel on a view
 *
 * One pointer drags the trace (or, on the ruler, with Shift, or in measuring mode, a range), two pinch it.  The
 * wheel zooms at the pointer; with Shift, or sideways, it moves; over the names, and with Alt, it scrolls the lanes.
 */
import * as vp from "./viewport.js";

const CLICK_PX = 4;
const WHEEL_STEP = 0.0018;	/* of zoom (as a logarithm) per pixel of wheel */
const LINE_PX = 18;

const wheel_px = (e, d) => d * (e.deltaMode === 1 ? LINE_PX : e.deltaMode === 2 ? 400 : 1);

export function listen(view) {
	lanes(view);
	wheel(view, view.sticky, () => view.over);
	wheel(view, view.ruler_box, () => view.ruler);
	drag_ruler(view);
	drag_minimap(view);
}

const local = (e, element) => {
	const r = element.getBoundingClientRect();

	return { x: e.clientX - r.left, y: e.clientY - r.top };
};

function lanes(view) {
	const box = view.sticky, down = new Map();
	let mode = null, start = null;

	box.addEventListener("pointerdown", (e) => {
		if (e.button > 1)
			return;
		view.land();
		box.setPointerCapture(e.pointerId);
		down.set(e.pointerId, local(e, view.over));
		if (down.size === 1) {
			start = { ...local(e, view.over), top: view.scroll.scrollTop, viewport: view.viewport };
			mode = e.shiftKey || view.page.measuring ? "range" : "press";
		} else {
			mode = "pinch";
		}
		view.hide_tip();
	});
	box.addEventListener("pointermove", (e) => {
		const at = local(e, view.over);

		if (!down.has(e.pointerId)) {
			view.point(at.x, at.y);
			return;
		}
		const before = [...down.values()];

		down.set(e.pointerId, at);
		if (mode === "pinch" && down.size === 2) {
			const after = [...down.values()];

			view.go(vp.pinch(view.viewport, before[0].x, before[1].x, after[0].x, after[1].x, view.end), { soft: true });
		} else if (mode === "range") {
			view.drag_selection(start.x, at.x);
		} else if (mode === "press" && Math.hypot(at.x - start.x, at.y - start.y) > CLICK_PX) {
			mode = "pan";
			view.stage.classList.add("dragging");
		}
		if (mode === "pan") {
			view.go(vp.pan(start.viewport, at.x - start.x, view.end), { soft: true });
			view.scroll.scrollTop = start.top - (at.y - start.y);
		}
	});
	const up = (e) => {
		if (!down.delete(e.pointerId))
			return;
		view.stage.classList.remove("dragging");
		if (mode === "range" && start && Math.abs(local(e, view.over).x - start.x) > CLICK_PX)
			view.settle();
		else if (mode === "press" && e.type === "pointerup")
			click(view, e);
		if (mode === "pan" || mode === "pinch")
			view.remember();
		if (!down.size)
			mode = start = null;
	};

	box.addEventListener("pointerup", up);
	box.addEventListener("pointercancel", up);
	box.addEventListener("pointerleave", () => !down.size && view.leave());
	box.addEventListener("dblclick", (e) => view.zoom_by(e.shiftKey ? 4 : 0.25, local(e, view.over).x));
}

/* A click says what is there, and chooses the lane. */
function click(view, e) {
	const at = local(e, view.over), row = view.row_at(at.y);

	view.at = vp.time_at(view.viewport, at.x);
	if (row?.kind === "lane" && view.lane !== row.lane)
		view.choose(row.lane);
	view.point(at.x, at.y);
}

function wheel(view, box, origin) {
	let settled = 0;

	box.addEventListener("wheel", (e) => {
		const dx = wheel_px(e, e.deltaX), dy = wheel_px(e, e.deltaY);

		if (e.altKey)
			return;				/* the lanes scroll */
		e.preventDefault();
		view.land();
		if (e.shiftKey || Math.abs(dx) > Math.abs(dy))
			view.go(vp.pan(view.viewport, -(dx || dy), view.end), { soft: true });
		else
			view.go(vp.zoom(view.viewport, local(e, origin()).x, Math.exp(Math.max(-300, Math.min(300, dy)) *
				(e.ctrlKey ? 4 : 1) * WHEEL_STEP), view.end), { soft: true });
		clearTimeout(settled);
		settled = setTimeout(() => view.remember(), 300);
	}, { passive: false });
}

function drag_ruler(view) {
	const box = view.ruler_box;
	let from = null;

	box.addEventListener("pointerdown", (e) => {
		box.setPointerCapture(e.pointerId);
		from = local(e, box).x;
	});
	box.addEventListener("pointermove", (e) => {
		const { x } = local(e, box);

		view.cursor = { x, t: vp.time_at(view.viewport, x), show: true };
		view.redraw("over");
		if (from !== null && Math.abs(x - from) > CLICK_PX)
			view.drag_selection(from, x);
	});
	box.addEventListener("pointerup", (e) => {
		if (from !== null && Math.abs(local(e, box).x - from) > CLICK_PX)
			view.settle();
		else if (from !== null)
			view.unselect();
		from = null;
	});
	box.addEventListener("pointercancel", () => { from = null; });
	box.addEventListener("pointerleave", () => from === null && view.leave());
}

/* A click or drag puts the middle of the view there. */
function drag_minimap(view) {
	const box = view.mini_box;
	let held = false;
	const go = (e) => {
		const t = local(e, box).x / view.size.width * view.trace.end;

		view.go({ ...view.viewport, from: t - view.viewport.span / 2 }, { soft: true });
	};

	box.addEventListener("pointerdown", (e) => {
		box.setPointerCapture(e.pointerId);
		view.land();
		held = true;
		go(e);
	});
	box.addEventListener("pointermove", (e) => held && go(e));
	box.addEventListener("pointerup", () => {
		held = false;
		view.remember();
	});
	box.addEventListener("pointercancel", () => { held = false; });
}
