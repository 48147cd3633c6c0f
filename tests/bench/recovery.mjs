// How long a page takes to show the current states after it slept, lost its network or missed events: the
// whole stack and Chromium.  Not a test: it prints figures, and fails only when a page does not recover.
//
//   node tests/bench/recovery.mjs [ROUNDS]      (5)
//
// Measured from the moment of waking (or of the server's return) until the page shows the state that
// was set meanwhile.
import path from "node:path";
import { sleep, startStack, waitFor } from "../stack.mjs";
import { WebServer } from "../web_server.mjs";
import { asleep, device, flip, launch, linkedLocation, live, openBrowser, openPage, shows } from "../browser/browser.mjs";
import { TcpRelay } from "../tcp_relay.mjs";

const rounds = Number(process.argv[2] ?? 5);
const LABEL = "Kitchen ceiling";
const NGINX_AWAY_MS = 5000;

if (!(rounds >= 1 && rounds <= 1000)) {
	console.error("usage: recovery.mjs [ROUNDS]");
	process.exit(2);
}

const stack = await startStack();
const chrome = await launch();
const relay = await TcpRelay.make(stack.port);
const web = await WebServer.make(stack, path.join(stack.stateDir, "other-nginx"));
let jar = await linkedLocation(stack, { location: "Home" });
let state = "on";
let page;
let browser;

const untilStored = (value) => waitFor(async () => (await stack.request("/api/switches", { jar })).json().switches
	.find(({ label }) => label === LABEL).state === value, { what: `${LABEL} ${value}` });

async function change() {
	state = state === "on" ? "off" : "on";
	await flip(stack, LABEL, state);
	await untilStored(state);
}

async function changeWithoutNotify() {
	const { deviceId } = await device(stack, LABEL);
	const id = await stack.psql(`SELECT installation_id FROM installation JOIN switch USING (installation_id) WHERE device_id = '${deviceId}'`);

	state = state === "on" ? "off" : "on";
	await stack.control("POST", "settings", { hold: true });
	await flip(stack, LABEL, state);
	await stack.psql(`BEGIN; UPDATE installation SET seq = seq + 1 WHERE installation_id = '${id}';
		UPDATE switch s SET state = '${state}', state_at = now(), seq = i.seq FROM installation i
			WHERE i.installation_id = '${id}' AND s.installation_id = i.installation_id AND s.device_id = '${deviceId}'; COMMIT`);
}

const streamers = (name) => stack.pids("switchboard-events").forEach((pid) => process.kill(pid, name));
const fire = (type) => page.evaluate((name) => (name === "online" ? window : document).dispatchEvent(new Event(name)), type);

/* What fails, what wakes the page, and what is restored afterwards; "url" is the address of the page. */
const scenarios = {
	"network lost and back": { url: relay.url, fail: async () => {
		await browser.setOffline(true);
		relay.stall();
		await change();
	}, wake: () => browser.setOffline(false) },
	"page frozen and resumed": { fail: async () => {
		await fire("freeze");
		await change();
	}, wake: () => fire("resume") },
	"computer asleep, its connections dead": { url: relay.url, fail: () => asleep(async () => {
		relay.stall();
		await change();
	}), wake: () => {} },
	"streamer hangs, page wakes": { fail: async () => {
		streamers("SIGSTOP");
		await change();
	}, wake: () => fire("online"), restore: () => streamers("SIGCONT") },
	"wake-up lost, page wakes": { fail: changeWithoutNotify, wake: () => fire("online"),
		restore: () => stack.control("POST", "settings", { hold: false }) },
	"streamer killed": { fail: async () => {
		streamers("SIGSTOP");
		await change();
	}, wake: () => streamers("SIGKILL") },
	"nginx away for 5 s": { url: web.url, fail: async () => {
		await web.stop();
		await change();
		await sleep(NGINX_AWAY_MS);
	}, wake: () => web.start() },
	"session ended while frozen": { fail: async () => {
		await fire("freeze");
		await stack.psql("DELETE FROM session");
	}, wake: () => fire("resume"), recovered: () => page.getByRole("link", { name: "Sign in with SmartThings" }).waitFor(),
	restore: async () => (jar = await linkedLocation(stack, { location: "Home" })) },
};

console.log(`ms from waking to the current states, ${rounds} rounds: least, middle, most`);
for (const [name, { url, fail, wake, recovered = () => shows(page, LABEL, state), restore = () => {} }] of Object.entries(scenarios)) {
	const times = [];

	for (let round = 0; round < rounds; round++) {
		await untilStored(state);
		browser = await openBrowser(chrome, stack, { jar, ...(url && { baseURL: url }) });
		page = await openPage(browser);
		await live(page);
		await fail();
		const since = performance.now();

		await wake();
		await recovered();
		times.push(Math.round(performance.now() - since));
		await restore();
		await browser.close();
	}
	times.sort((a, b) => a - b);
	console.log(`${name.padEnd(40)} ${times[0]} ${times[rounds >> 1]} ${times.at(-1)}`);
}
await chrome.close();
await relay.stop();
await web.stop();
await stack.stop();
