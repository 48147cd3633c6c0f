// Chromium for the tests in this folder: browsers that are signed in, their pages, and conditions to wait for.
import { readFileSync, readdirSync } from "node:fs";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { linkAccount, sleep, startStack, waitFor } from "../stack.mjs";

/** Debian's Chromium, which runs as root only without its sandbox. */
export function launch() {
	return chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: process.getuid() === 0 ? ["--no-sandbox"] : [],
	});
}

/** A new browser (Playwright's "context"), signed in when "jar" has a session. */
export async function openBrowser(chrome, stack, { jar, ...options } = {}) {
	const browser = await chrome.newContext({ baseURL: stack.url, ...options });

	if (jar !== undefined)
		await browser.addCookies(Object.entries(jar.cookies(stack.url)).map(([name, value]) => ({ name, value, url: stack.url })));
	browser.setDefaultTimeout(30000);
	return browser;
}

/** Link a location and wait for its first sync and subscriptions; returns the browser's cookies. */
export async function linkedLocation(stack, options) {
	const jar = await linkAccount(stack, options);

	await waitFor(async () => (await stack.request("/api/switches", { jar })).json().switches.length > 0,
		{ what: "the first sync" });
	await waitFor(async () => (await stack.psql(`SELECT count(*) FROM switchboard.installation i WHERE status <> 'removed' AND 4 <>
		(SELECT count(*) FROM switchboard.subscription s WHERE s.installation_id = i.installation_id)`)) === "0",
	{ what: "the subscriptions" });
	return jar;
}

/** For the tests of a file: "take" is called before them with a stack, Chromium and the cookies of a browser that linked "Home". */
export function useHome(take) {
	let stack;
	let chrome;

	before(async () => {
		stack = await startStack();
		chrome = await launch();
		take({ stack, chrome, jar: await linkedLocation(stack, { location: "Home" }) });
	});
	after(async () => {
		await chrome?.close();
		await stack?.stop();
	});
}

/** A new page; "errors" has errors of its script and violations of the content security policy. */
export async function openPage(browser, where = "/") {
	const page = await browser.newPage();

	page.errors = [];
	page.on("pageerror", (error) => page.errors.push(error.message));
	page.on("console", (message) => {
		if (message.type() === "error" && /Content Security Policy|Uncaught/i.test(message.text()))
			page.errors.push(message.text());
	});
	await page.goto(where);
	return page;
}

/** Wait until live updates are on. */
export const live = (page) => page.locator("#live:not([hidden])").waitFor({ state: "attached" });

/** The switch called "label". */
export const switchOf = (page, label) => page.getByRole("switch", { name: label, exact: true });

/** Wait until the page shows a switch as on, off or (null) unknown, and not as pending. */
export async function shows(page, label, state) {
	const checked = { on: "true", off: "false" }[state] ?? "mixed";

	await switchOf(page, label).and(page.locator(`[aria-checked="${checked}"]:not([aria-busy])`)).waitFor();
}

/** The tile around a switch. */
export const tileOf = (page, label) => page.locator(".tile").filter({ has: switchOf(page, label) });

/** A device of the simulated platform by its label or name. */
export async function device(stack, label) {
	const { devices } = await stack.control("GET", "state");

	return Object.values(devices).find((item) => (item.label || item.name) === label);
}

/** Wait until a device (or one component of it) is on or off at the simulated platform. */
export function waitForDevice(stack, label, state, component = "main") {
	return waitFor(async () => (await device(stack, label)).status[component].switch.switch.value === state,
		{ what: `${label} to be ${state} at the platform` });
}

/** Flip a switch by hand. */
export async function flip(stack, label, value, component = "main") {
	await stack.control("POST", `devices/${(await device(stack, label)).deviceId}/flip`, { component, value });
}

/** Mark the document, to see later whether it was reloaded. */
export const mark = (page) => page.evaluate(() => (window.marked = true));
export const isMarked = (page) => page.evaluate(() => window.marked === true);

/** PIDs of this test's Chromium. */
function processes() {
	const children = new Map();

	for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number)) {
		try {
			const [, name, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));

			children.set(Number(parent), [...children.get(Number(parent)) ?? [], { pid, name }]);
		} catch {
			// It has ended meanwhile.
		}
	}
	const found = (children.get(process.pid) ?? []).filter(({ name }) => /chrom/.test(name)).map(({ pid }) => pid);

	for (const pid of found)
		found.push(...(children.get(pid) ?? []).map((child) => child.pid));
	return found;
}

const SLEEP_MS = 7000; // longer than the gap between two timers that the page takes for a sleep

/** Stop all browser processes, as when the computer sleeps, during "meanwhile" and for SLEEP_MS at least. */
export async function asleep(meanwhile) {
	const pids = processes();

	for (const pid of pids)
		process.kill(pid, "SIGSTOP");
	try {
		await Promise.all([meanwhile(), sleep(SLEEP_MS)]);
	} finally {
		for (const pid of pids)
			process.kill(pid, "SIGCONT");
	}
}
