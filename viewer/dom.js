/* dom.js - elements from words: every string becomes a text node, so a name is never markup */
export function h(tag, props = {}, ...children) {
	const e = document.createElement(tag);

	for (const [name, value] of Object.entries(props)) {
		if (name.startsWith("on"))
			e.addEventListener(name.slice(2), value);
		else if (name === "class")
			e.className = value;
		else if (value === true)
			e.setAttribute(name, "");
		else if (value !== false && value !== null && value !== undefined)
			e.setAttribute(name, value);
	}
	e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
	return e;
}

const SVG = "http://www.w3.org/2000/svg";

/* Icons are strokes in a square of 24. */
export function icon(path) {
	const svg = document.createElementNS(SVG, "svg"), p = document.createElementNS(SVG, "path");

	for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", width: 18, height: 18, fill: "none", stroke: "currentColor",
		"stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }))
		svg.setAttribute(name, value);
	p.setAttribute("d", path);
	svg.append(p);
	return svg;
}

export const ICONS = {
	in: "M12 5v14M5 12h14", out: "M5 12h14", all: "M4 5v14M20 5v14M8 12h8M10.5 9.5 8 12l2.5 2.500M13.5 9.5 16 12l-2.5 2.5",
	fit: "M4 9V5h4M20 9V5h-4M4 15v4h4M20 15v4h-4M9 12h6", back: "M14.5 5.5 8 12l6.5 6.5", forward: "M9.5 5.5 16 12l-6.5 6.5",
	go: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z", theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9Z",
	share: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
	panel: "M4 5h16v14H4zM14.5 5v14", help: "M9.5 9.500a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.700M12 16.800v.100M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
	measure: "M4 8v8M20 8v8M4 12h16",
	next: "M6 6l7 6-7 6M17 6v12", prev: "M18 6l-7 6 7 6M7 6v12", close: "M6 6l12 12M18 6 6 18",
	fold: "M7 10l5 5 5-5",
};

export function download(name, blob) {
	const url = URL.createObjectURL(blob), a = h("a", { href: url, download: name });

	document.body.append(a);
	a.click();
	a.remove();
	setTimeout(() => URL.revokeObjectURL(url), 10000);
}
