// How long a page takes to show what is true after it slept, lost its network or missed messages: the
// whole stack and Chromium.  Not a test: it prints figures, and fails only when a page does not heal.
//
//   node tests/bench/heal.mjs [ROUNDS]      (5)
//
// Measured from the moment of waking (or of the server's return) until the page shows the state that
// the house got meanwhile.
import { startStack, waitFor } from "../stack.mjs";
import { asleep, device, flip, launch, linkedHome, live, openBrowser, openPage, shows } from "../browser/browser.mjs";
import { Web, Wire } from "../browser/wire.mjs";

const rounds = Number(process.argv[2] ?? 5);
const LABEL = "Kitchen ceiling";

if (!(rounds >= 1 && rounds <= 1000)) {
	console.error("usage: heal.mjs [ROUNDS]");
	process.exit(2);
}

const stack = await startStack();
const chrome = await launch();
const wire = await Wire.make(stack.port);
const web = await Web.make(stack);
let jar = await linkedHome(stack, { location: "Home" });
let state = "on";
let page;
let browser;

const known = (value) => waitFor(async () => (await stack.request("/api/switches", { jar })).json().switches
	.find(({ label }) => label === LABEL).state === value, { what: `${LABEL} ${value}` });

async function missed() {
	state = state === "on" ? "off" : "on";
	await flip(stack, LABEL, state);
	await known(state);
}

async function missedSilently() {
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

/* What is done to the page, then what wakes it; both are told the address it is at. */
const ills = {
	"network lost and back": { url: wire.url, ill: async () => {
		await browser.setOffline(true);
		wire.silence();
		await missed();
	}, wake: () => browser.setOffline(false) },
	"page frozen and resumed": { ill: async () => {
		await fire("freeze");
		await missed();
	}, wake: () => fire("resume") },
	"computer asleep, its connections dead": { url: wire.url, ill: () => asleep(async () => {
		wire.silence();
		await missed();
	}), wake: () => {} },
	"streamer hangs, page wakes": { ill: async () => {
		streamers("SIGSTOP");
		await missed();
	}, wake: () => fire("online"), well: () => streamers("SIGCONT") },
	"wake-up lost, page wakes": { ill: missedSilently, wake: () => fire("online"),
		well: () => stack.control("POST", "settings", { hold: false }) },
	"streamer killed": { ill: async () => {
		streamers("SIGSTOP");
		await missed();
	}, wake: () => streamers("SIGKILL") },
	"nginx away for 5 s": { url: web.url, ill: async () => {
		await web.stop();
		await missed();
		await new Promise((resolve) => setTimeout(resolve, 5000));
	}, wake: () => web.start() },
	"session ended while frozen": { ill: async () => {
		await fire("freeze");
		await stack.psql("DELETE FROM session");
	}, wake: () => fire("resume"), healed: () => page.getByRole("link", { name: "Sign in with SmartThings" }).waitFor(),
	well: async () => (jar = await linkedHome(stack, { location: "Home" })) },
};

console.log(`ms from waking to the truth, ${rounds} rounds: least, middle, most`);
for (const [name, { url, ill, wake, healed = () => shows(page, LABEL, state), well = () => {} }] of Object.entries(ills)) {
	const times = [];

	for (let round = 0; round < rounds; round++) {
		await known(state);
		browser = await openBrowser(chrome, stack, { jar, ...(url && { baseURL: url }) });
		page = await openPage(browser);
		await live(page);
		await ill();
		const since = performance.now();

		await wake();
		await healed();
		times.push(Math.round(performance.now() - since));
		await well();
		await browser.close();
	}
	times.sort((a, b) => a - b);
	console.log(`${name.padEnd(40)} ${times[0]} ${times[rounds >> 1]} ${times.at(-1)}`);
}
await chrome.close();
await wire.stop();
await web.stop();
await stack.stop();
