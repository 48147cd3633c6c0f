// A page that was asleep, offline or without its stream shows the current states afterwards, without
// a reload.
import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { startStack, waitFor } from "../stack.mjs";
import { TcpRelay } from "../tcp_relay.mjs";
import { WebServer } from "../web_server.mjs";
import { asleep, device, flip, isMarked, launch, linkedLocation, live, mark, openBrowser, openPage, shows, switchOf, tileOf } from "./browser.mjs";

let stack;
let chrome;
let jar;
let browser;
let page;
const stopped = new Set(); // PIDs of stopped streamers
const toStop = new Set(); // relays and web servers, stopped after their test even when it fails

before(async () => {
	stack = await startStack();
	chrome = await launch();
	jar = await linkedLocation(stack, { location: "Home" });
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

afterEach(async () => {
	continueStreamers();
	for (const part of toStop)
		await part.stop();
	toStop.clear();
	await stack.control("POST", "settings", { hold: false });
	assert.deepEqual(page.errors, []);
	await browser.close();
});

function stoppedAfterwards(part) {
	toStop.add(part);
	return part;
}

/** Open a live page with "Kitchen ceiling" on; with "clock" the test controls its time. */
async function open({ clock = false, ...options } = {}) {
	await flip(stack, "Kitchen ceiling", "on");
	await untilStored("Kitchen ceiling", "on");
	browser = await openBrowser(chrome, stack, { jar, ...options });
	page = await openPage(browser, "about:blank");
	if (clock)
		await page.clock.install();
	await page.goto("/");
	await live(page);
	await shows(page, "Kitchen ceiling", "on");
	await mark(page);
}

/** Wait until the server has the state, so that only the page can be behind. */
function untilStored(label, state) {
	return waitFor(async () => (await stack.request("/api/switches", { jar })).json().switches
		.find((item) => item.label === label).state === state, { what: `${label} to be stored as ${state}` });
}

async function flipAndStore(label, state) {
	await flip(stack, label, state);
	await untilStored(label, state);
}

/** A change in the database without a notification. */
async function changeWithoutNotify(label, state) {
	const { deviceId } = await device(stack, label);

	await stack.psql(`WITH i AS (UPDATE installation i SET seq = i.seq + 1 FROM switch s
			WHERE s.device_id = '${deviceId}' AND s.installation_id = i.installation_id RETURNING i.installation_id, i.seq)
		UPDATE switch s SET seq = i.seq, state = '${state}', state_at = now() FROM i
			WHERE s.installation_id = i.installation_id AND s.device_id = '${deviceId}' AND s.component = 'main'`);
}

async function stopStreamers() {
	for (const pid of await waitFor(() => stack.pids("switchboard-events").length > 0 && stack.pids("switchboard-events"))) {
		process.kill(pid, "SIGSTOP");
		stopped.add(pid);
	}
}

function continueStreamers() {
	for (const pid of stopped)
		process.kill(pid, "SIGCONT");
	stopped.clear();
}

/** Events that a browser fires when the computer or the page wakes up. */
const wakeUp = () => page.evaluate(() => window.dispatchEvent(new Event("online")));
const comeBack = () => page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
const lost = () => page.getByText("Connection lost");
const signIn = () => page.getByRole("link", { name: "Sign in with SmartThings" });

const lifecycle = (name) => page.evaluate((type) => document.dispatchEvent(new Event(type)), name);

test("a page shows the current states after its browser was offline", async () => {
	const relay = stoppedAfterwards(await TcpRelay.make(stack.port));

	await open({ baseURL: relay.url });
	/* setOffline() leaves open connections working, which a lost network does not. */
	await browser.setOffline(true);
	relay.stall();
	await flipAndStore("Kitchen ceiling", "off");
	await shows(page, "Kitchen ceiling", "on");
	await browser.setOffline(false);
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
});

test("a page shows the current states after the browser had frozen it", async () => {
	await open();
	await lifecycle("freeze");
	await flipAndStore("Kitchen ceiling", "off");
	await shows(page, "Kitchen ceiling", "on");
	await lifecycle("resume");
	await shows(page, "Kitchen ceiling", "off");
	await flip(stack, "Kitchen ceiling", "on");
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a page shows the current states after the computer slept", async () => {
	const relay = stoppedAfterwards(await TcpRelay.make(stack.port));

	await open({ baseURL: relay.url });
	await asleep(async () => {
		relay.stall();
		await flipAndStore("Kitchen ceiling", "off");
	});
	await shows(page, "Kitchen ceiling", "off");
	await flip(stack, "Kitchen ceiling", "on");
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a page notices a stream that carries nothing, and reconnects", async () => {
	const relay = stoppedAfterwards(await TcpRelay.make(stack.port));

	await open({ baseURL: relay.url, clock: true });
	relay.stall();
	await flipAndStore("Kitchen ceiling", "off");
	for (let second = 0; second < 50; second += 2)
		await page.clock.runFor(2000);
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
});

test("a request that gets no answer does not delay the next one after a wake-up", async () => {
	const relay = stoppedAfterwards(await TcpRelay.make(stack.port));

	await open({ baseURL: relay.url });
	await stopStreamers();
	await Promise.all([page.waitForRequest("**/api/switches"), wakeUp()]);
	relay.stall();
	await flipAndStore("Kitchen ceiling", "off");
	await wakeUp();
	await shows(page, "Kitchen ceiling", "off");
	assert.ok(await isMarked(page));
});

test("while the streamer hangs, a page that wakes up shows the current states and that the connection is lost", async () => {
	await open();
	await stopStreamers();
	await flipAndStore("Kitchen ceiling", "off");
	await wakeUp();
	await shows(page, "Kitchen ceiling", "off");
	await lost().waitFor();
	continueStreamers();
	await lost().waitFor({ state: "hidden" });
	await flip(stack, "Kitchen ceiling", "on");
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a click while the streamer hangs is shown as executed, and later changes too", async () => {
	await open();
	await shows(page, "Hall light", "off");
	await stopStreamers();
	await switchOf(page, "Hall light").click();
	await shows(page, "Hall light", "on");
	await flip(stack, "Hall light", "off");
	continueStreamers();
	await shows(page, "Hall light", "off");
	assert.equal(await page.locator(".toast").count(), 0);
});

test("a page that is shown again has changes whose notification was lost", async () => {
	await open();
	await stopStreamers();
	await changeWithoutNotify("Kitchen ceiling", "off");
	await comeBack();
	await shows(page, "Kitchen ceiling", "off");
	await changeWithoutNotify("Kitchen ceiling", "on"); // as at the platform
	await comeBack();
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
});

test("a page shows the current states after the web server was stopped and started", async () => {
	const web = stoppedAfterwards(await WebServer.make(stack, path.join(stack.stateDir, "other-nginx")));

	await open({ baseURL: web.url });
	await web.stop();
	await lost().waitFor();
	await flipAndStore("Kitchen ceiling", "off");
	await web.start();
	await shows(page, "Kitchen ceiling", "off");
	await lost().waitFor({ state: "hidden" });
	assert.ok(await isMarked(page));
});

test("a page that was rendered before an event does not replace the event's state", async () => {
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

test("the time that a page slept does not count for the timeout of a click", async () => {
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

for (const [how, interrupt, wake] of [
	["frozen", () => lifecycle("freeze"), () => lifecycle("resume")],
	["offline", () => browser.setOffline(true), () => browser.setOffline(false)],
	["kept for the Back button", async () => {}, () => comeBack()],
]) {
	test(`a page that was ${how} while its session ended shows the sign-in`, async () => {
		await open();
		await stopStreamers();
		await interrupt();
		await stack.psql("DELETE FROM session");
		await wake();
		await signIn().waitFor();
		assert.equal(await page.getByRole("switch").count(), 0);
		continueStreamers();
		jar = await linkedLocation(stack, { location: "Home" });
	});
}
