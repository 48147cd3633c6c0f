// A page that slept, lost its network or missed messages shows what is true when it wakes, and is
// never loaded anew for it.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { startStack, waitFor } from "../stack.mjs";
import { asleep, device, flip, isMarked, launch, linkedHome, live, mark, openBrowser, openPage, shows, switchOf, tileOf } from "./browser.mjs";
import { Web, Wire } from "./wire.mjs";

let stack;
let chrome;
let jar;
let browser;
let page;
const stopped = new Set(); // streamers that stand still
const parts = new Set(); // what ends with its test, however that went

before(async () => {
	stack = await startStack();
	chrome = await launch();
	jar = await linkedHome(stack, { location: "Home" });
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

afterEach(async () => {
	streamersGoOn();
	for (const part of parts)
		await part.stop();
	parts.clear();
	await stack.control("POST", "settings", { hold: false });
	assert.deepEqual(page.complaints, []);
	await browser.close();
});

function ending(part) {
	parts.add(part);
	return part;
}

/** A live page with "Kitchen ceiling" on; options: baseURL, clock (its time can be moved). */
async function open({ clock = false, ...options } = {}) {
	await flip(stack, "Kitchen ceiling", "on");
	await known("Kitchen ceiling", "on");
	browser = await openBrowser(chrome, stack, { jar, ...options });
	page = await openPage(browser, "about:blank");
	if (clock)
		await page.clock.install();
	await page.goto("/");
	await live(page);
	await shows(page, "Kitchen ceiling", "on");
	await mark(page);
}

/** Until the server knows: nothing but the page can be late then. */
function known(label, state) {
	return waitFor(async () => (await stack.request("/api/switches", { jar })).json().switches
		.find((item) => item.label === label).state === state, { what: `${label} to be known as ${state}` });
}

async function flipUnseen(label, state) {
	await flip(stack, label, state);
	await known(label, state);
}

/** A change that no wake-up tells of. */
async function changeSilently(label, state) {
	const { deviceId } = await device(stack, label);

	await stack.psql(`WITH i AS (UPDATE installation i SET seq = i.seq + 1 FROM switch s
			WHERE s.device_id = '${deviceId}' AND s.installation_id = i.installation_id RETURNING i.installation_id, i.seq)
		UPDATE switch s SET seq = i.seq, state = '${state}', state_at = now() FROM i
			WHERE s.installation_id = i.installation_id AND s.device_id = '${deviceId}' AND s.component = 'main'`);
}

async function streamersStandStill() {
	for (const pid of await waitFor(() => stack.pids("switchboard-events").length > 0 && stack.pids("switchboard-events"))) {
		process.kill(pid, "SIGSTOP");
		stopped.add(pid);
	}
}

function streamersGoOn() {
	for (const pid of stopped)
		process.kill(pid, "SIGCONT");
	stopped.clear();
}

/** What a browser says when it wakes up, of one kind or another. */
const wakeUp = () => page.evaluate(() => window.dispatchEvent(new Event("online")));
const comeBack = () => page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
const lost = () => page.getByText("Connection lost");
const signIn = () => page.getByRole("link", { name: "Sign in with SmartThings" });

const lifecycle = (name) => page.evaluate((type) => document.dispatchEvent(new Event(type)), name);

test("a browser that was offline", async () => {
	const wire = ending(await Wire.make(stack.port));

	await open({ baseURL: wire.url });
	/* Chromium lets go on what is open, a lost network does not. */
	await browser.setOffline(true);
	wire.silence();
	await flipUnseen("Kitchen ceiling", "off");
	await shows(page, "Kitchen ceiling", "on");
	await browser.setOffline(false);
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
});

test("a page that the browser froze", async () => {
	await open();
	await lifecycle("freeze");
	await flipUnseen("Kitchen ceiling", "off");
	await shows(page, "Kitchen ceiling", "on");
	await lifecycle("resume");
	await shows(page, "Kitchen ceiling", "off");
	await flip(stack, "Kitchen ceiling", "on");
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a computer that slept", async () => {
	const wire = ending(await Wire.make(stack.port));

	await open({ baseURL: wire.url });
	await asleep(async () => {
		wire.silence();
		await flipUnseen("Kitchen ceiling", "off");
	});
	await shows(page, "Kitchen ceiling", "off");
	await flip(stack, "Kitchen ceiling", "on");
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a connection that died without a word, with nobody asleep", async () => {
	const wire = ending(await Wire.make(stack.port));

	await open({ baseURL: wire.url, clock: true });
	wire.silence();
	await flipUnseen("Kitchen ceiling", "off");
	for (let second = 0; second < 50; second += 2)
		await page.clock.runFor(2000);
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
});

test("a question that died on its way does not hold up the next", async () => {
	const wire = ending(await Wire.make(stack.port));

	await open({ baseURL: wire.url });
	await streamersStandStill();
	await Promise.all([page.waitForRequest("**/api/switches"), wakeUp()]);
	wire.silence();
	await flipUnseen("Kitchen ceiling", "off");
	await wakeUp();
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
});

test("a streamer that hangs without closing", async () => {
	await open();
	await streamersStandStill();
	await flipUnseen("Kitchen ceiling", "off");
	await wakeUp();
	await shows(page, "Kitchen ceiling", "off");
	await lost().waitFor();
	streamersGoOn();
	await lost().waitFor({ state: "hidden" });
	await flip(stack, "Kitchen ceiling", "on");
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a click while the streamer hangs", async () => {
	await open();
	await shows(page, "Hall light", "off");
	await streamersStandStill();
	await switchOf(page, "Hall light").click();
	await shows(page, "Hall light", "on");
	await flip(stack, "Hall light", "off");
	streamersGoOn();
	await shows(page, "Hall light", "off");
	assert.equal(await page.locator(".toast").count(), 0);
});

test("a wake-up that was lost", async () => {
	await open();
	await streamersStandStill();
	await changeSilently("Kitchen ceiling", "off");
	await comeBack();
	await shows(page, "Kitchen ceiling", "off");
	await changeSilently("Kitchen ceiling", "on"); // as in the house
	await comeBack();
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a web server that was stopped and started", async () => {
	const web = ending(await Web.make(stack));

	await open({ baseURL: web.url });
	await web.stop();
	await lost().waitFor();
	await flipUnseen("Kitchen ceiling", "off");
	await web.start();
	await shows(page, "Kitchen ceiling", "off");
	await lost().waitFor({ state: "hidden" });
	assert.ok(await isMarked(page));
});

test("a page that is rendered while an event comes does not take back what the event said", async () => {
	await open();
	const { deviceId } = await device(stack, "Wall switch 2-gang");

	await page.route((url) => url.pathname === "/", async (route) => {
		const old = await route.fetch();

		await flip(stack, "Kitchen ceiling", "off");
		await shows(page, "Kitchen ceiling", "off");
		await route.fulfill({ response: old });
	}, { times: 1 });
	await stack.control("POST", `devices/${deviceId}`, { label: "Renamed" });
	await switchOf(page, "Renamed").waitFor();
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
	await stack.control("POST", `devices/${deviceId}`, { label: "" });
	await switchOf(page, "Renamed").waitFor({ state: "detached" });
});

test("a click is not called unanswered for the time that was slept through", async () => {
	await open({ clock: true });
	await shows(page, "Garden pump", "off");
	await stack.control("POST", "settings", { hold: true });
	await Promise.all([page.waitForResponse("**/api/switches/**"), switchOf(page, "Garden pump").click()]);
	await page.clock.fastForward("10:00");
	await tileOf(page, "Garden pump").and(page.locator("[data-pending]")).waitFor();
	await stack.control("POST", "settings", { hold: false });
	await shows(page, "Garden pump", "on");
	assert.equal(await page.locator(".toast").count(), 0);
});

for (const [how, sleep, awake] of [
	["frozen", () => lifecycle("freeze"), () => lifecycle("resume")],
	["offline", () => browser.setOffline(true), () => browser.setOffline(false)],
	["kept for the Back button", async () => {}, () => comeBack()],
]) {
	test(`a session that ended while the page was ${how}`, async () => {
		await open();
		await streamersStandStill();
		await sleep();
		await stack.psql("DELETE FROM session");
		await awake();
		await signIn().waitFor();
		assert.equal(await page.getByRole("switch").count(), 0);
		streamersGoOn();
		jar = await linkedHome(stack, { location: "Home" });
	});
}
