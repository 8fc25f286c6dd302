/*
 * firefox.mjs - Debian's Firefox, driven by its own Marionette: lines of "LENGTH:JSON" over TCP
 *
 * remote.prefs.recommended is off: it would switch off the rules for file:// pages that are to be tried.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const have_firefox = () => existsSync("/usr/bin/firefox-esr");

const free_port = () => new Promise((done) => {
	const s = createServer().listen(0, "127.0.0.1", () => {
		const { port } = s.address();

		s.close(() => done(port));
	});
});

export async function firefox() {
	const profile = mkdtempSync(join(tmpdir(), "gilscope-firefox-")), port = await free_port();

	writeFileSync(join(profile, "user.js"), Object.entries({ "remote.prefs.recommended": false, "marionette.port": port, "browser.shell.checkDefaultBrowser": false,
		"app.update.enabled": false, "datareporting.policy.dataSubmissionEnabled": false, "browser.aboutwelcome.enabled": false, "toolkit.telemetry.reportingpolicy.firstRun": false,
		"browser.startup.homepage": "about:blank", "startup.homepage_welcome_url": "about:blank", "network.captive-portal-service.enabled": false, "network.connectivity-service.enabled": false })
		.map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});\n`).join(""));
	const child = spawn("/usr/bin/firefox-esr", ["--headless", "--marionette", "--no-remote", "--profile", profile, "--width", "1280", "--height", "800", "about:blank"],
		{ stdio: "ignore", env: { ...process.env, HOME: profile, MOZ_HEADLESS: "1" } });
	const socket = await dial(port, child);
	const waiting = new Map();
	let buffer = Buffer.alloc(0), id = 0, greeted;
	const greeting = new Promise((done) => { greeted = done; });

	socket.on("data", (data) => {
		buffer = Buffer.concat([buffer, data]);
		for (;;) {
			const at = buffer.indexOf(58), len = Number(buffer.subarray(0, at));

			if (at < 0 || buffer.length < at + 1 + len)
				return;
			const message = JSON.parse(buffer.subarray(at + 1, at + 1 + len).toString());

			buffer = buffer.subarray(at + 1 + len);
			if (!Array.isArray(message)) {
				greeted();
				continue;
			}
			const [, n, error, result] = message, w = waiting.get(n);

			waiting.delete(n);
			if (error)
				w.failed(new Error(`${error.error}: ${error.message}`));
			else
				w.done(result);
		}
	});
	await greeting;
	const send = (name, params = {}) => new Promise((done, failed) => {
		const text = JSON.stringify([0, ++id, name, params]);

		waiting.set(id, { done, failed });
		socket.write(`${Buffer.byteLength(text)}:${text}`);
	});

	await send("WebDriver:NewSession", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
	return {
		send,
		go: (url) => send("WebDriver:Navigate", { url }),
		/* The function runs in the page's own world and may return a promise. */
		run: async (f, ...args) => (await send("WebDriver:ExecuteAsyncScript", { sandbox: null, timeout: 20000, args,
			script: `const done = arguments[arguments.length - 1]; const w = window.wrappedJSObject || window;
				Promise.resolve((${f})(w, ...Array.prototype.slice.call(arguments, 0, -1))).then(done, (e) => done("failed: " + e));` })).value,
		shot: async () => Buffer.from((await send("WebDriver:TakeScreenshot", { full: false })).value, "base64"),
		close: async () => {
			const gone = new Promise((done) => child.once("exit", done));

			await send("Marionette:Quit", { flags: ["eForceQuit"] }).catch(() => {});
			socket.destroy();
			const late = setTimeout(() => child.kill("SIGKILL"), 5000);

			await gone;
			clearTimeout(late);
			rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
		},
	};
}

async function dial(port, child) {
	for (;;) {
		const socket = await new Promise((done) => {
			const s = connect(port, "127.0.0.1", () => done(s));

			s.on("error", () => done(null));
		});

		if (socket)
			return socket;
		if (child.exitCode !== null)
			throw new Error("firefox went away");
		await new Promise((done) => setTimeout(done, 150));
	}
}
