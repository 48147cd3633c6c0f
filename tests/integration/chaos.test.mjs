// A minute of load, faults and killed processes, all at random, then the check of consistency.mjs.  The actions
// follow from a seed, which is printed:
//
//   SWITCHBOARD_TEST_SEED=12345 SWITCHBOARD_TEST_SECONDS=60 node --test tests/integration/chaos.test.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CookieJar, csrfToken, linkAccount, sleep, waitFor } from "../stack.mjs";
import { ConsistencyCheck } from "./consistency.mjs";
import { Installation, dimmer, lamps, strip } from "./installation.mjs";
import { LivePage } from "./live_page.mjs";
import { PROGRAMS, StoppableStack } from "./stoppable_stack.mjs";

const seed = Number(process.env.SWITCHBOARD_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(process.env.SWITCHBOARD_TEST_SECONDS ?? 60);
const WEB_AWAY_MAX_MS = 500;
const DATABASE_AWAY_MAX_MS = 3000;
let stack;

before(async () => {
	stack = await StoppableStack.start();
});

after(() => stack?.stop());

/** A function that gives numbers from 0 to 1, determined by a seed (a 32-bit xorshift with a multiplication). */
function randomFrom(from) {
	let state = from >>> 0 || 1;

	return () => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		state >>>= 0;
		return (Math.imul(state, 0x9e3779b1) >>> 0) / 2 ** 32;
	};
}

/** Kinds of actions with the mean time between two of them in ms. */
const KINDS = {
	flip: 25, level: 150, click: 120, all: 4000, health: 3000, sync: 5000, expire: 20000, fault: 3000, drop: 4000,
	killProgram: 1500, killWeb: 15000, killSimulator: 20000, stopDatabase: 25000,
};

/** The actions of the whole run, [{ at (ms), kind, a, b, c (numbers from 0 to 1) }]. */
function script() {
	const random = randomFrom(seed);
	const actions = [];

	for (const [kind, mean] of Object.entries(KINDS))
		for (let at = mean * (0.5 + random()); at < seconds * 1000; at += mean * (0.5 + random()))
			actions.push({ at, kind, a: random(), b: random(), c: random() });
	return actions.sort((x, y) => x.at - y.at);
}

test(`no event and no command is lost in ${seconds} s of load while processes are killed at random`, async (t) => {
	process.stdout.write(`# seed ${seed}\n`);
	const consistency = new ConsistencyCheck(stack);
	const installations = [await Installation.create(stack, [...lamps(6), dimmer("Dim"), strip("Strip")]), await Installation.create(stack, lamps(4))];
	const pages = [];
	const secondBrowsers = []; // one of each installation

	for (const installation of installations) {
		const jar = await linkAccount(stack, { location: installation.location, jar: new CookieJar() });

		await installation.link();
		secondBrowsers.push({ jar, csrf: await csrfToken(stack, jar) });
		pages.push(await new LivePage(installation).open(), await new LivePage(installation, { jar }).open());
	}
	const { devices: all } = await stack.control("GET", "state");
	const switches = installations.map((installation) => all.filter(({ locationId }) => locationId === installation.location)
		.flatMap(({ deviceId, components }) => components.map(({ id }) => ({ device: deviceId, component: id }))));
	const pick = (list, at) => list[Math.floor(at * list.length)];
	const count = {};
	const countOne = (what) => (count[what] = (count[what] ?? 0) + 1);
	const some = (at) => Math.floor(at * installations.length);
	let platformReady = Promise.resolve(); // pending while the simulator is being restarted
	let pending = [];
	const busy = { web: false, database: false };

	const actions = {
		async flip({ a, b }) {
			const { device, component } = pick(switches[some(a)], b);

			await installations[some(a)].flip(device, { component, value: "toggle" });
			countOne("flips");
		},
		async level({ a }) {
			await stack.control("POST", `devices/${installations[0].devices[6]}/level`, { level: Math.floor(a * 101) });
			countOne("levels");
		},
		async click({ a, b, c }) {
			const { device, component } = pick(switches[some(a)], b);
			const browser = c < 0.5 ? secondBrowsers[some(a)] : {};
			const json = installations[some(a)].devices[6] === device && c * 4 % 1 < 0.4 ? { command: "setLevel", level: Math.floor(c * 101) } :
				{ command: c * 2 % 1 < 0.5 ? "on" : "off" };
			const { status } = await installations[some(a)].click(device, json, { component, ...browser });

			countOne(`clicks ${status}`);
		},
		async all({ a, b }) {
			countOne(`all ${(await installations[some(a)].clickAll(b < 0.5 ? "on" : "off")).status}`);
		},
		async health({ a, b, c }) {
			const device = pick(installations[some(a)].devices, b);

			await stack.control("POST", `devices/${device}/health`, { state: c < 0.15 ? "OFFLINE" : "ONLINE" });
		},
		async sync({ a, b }) {
			await stack.psql(`SELECT work_put('${installations[some(a)].id}', '${b < 0.5 ? "device_sync" : "subscription_sync"}', 1);
				SELECT wake('switchboard_work', '')`);
			countOne("syncs");
		},
		async expire({ a }) {
			await stack.control("POST", "tokens/expire", { installedAppId: installations[some(a)].id });
			countOne("expired tokens");
		},
		async fault({ a, b, c }) {
			const what = pick([{ action: "status", status: 500 }, { action: "status", status: 429, retryAfter: 1 },
				{ action: "slow", delayMs: 500, afterEffect: true }, { action: "cut" }, { action: "cut", afterEffect: true }], a);

			await stack.control("POST", "faults", { path: b < 0.7 ? "/commands" : "/devices", method: b < 0.7 ? "POST" : "GET",
				count: 1 + Math.floor(c * 4), ...what });
			countOne("faults");
		},
		drop({ a }) {
			pick(pages, a).dropConnection();
		},
		async killProgram({ a }) {
			const program = pick(Object.keys(PROGRAMS), a);

			stack.kill(program);
			countOne(`kill ${program}`);
		},
		async killWeb({ a }) {
			if (busy.web)
				return;
			busy.web = true;
			await stack.web.kill();
			countOne("kill nginx");
			await sleep(a * WEB_AWAY_MAX_MS);
			await stack.web.start();
			busy.web = false;
		},
		killSimulator() {
			// The state of the platform must not change between its last save and the kill.
			platformReady = (async () => {
				await Promise.allSettled(pending.filter(({ kind }) => kind !== "killWeb" && kind !== "stopDatabase").map(({ done }) => done));
				// A command that was ACCEPTED and not executed yet would be lost with it, and fail as unconfirmed.
				await stack.control("DELETE", "faults");
				await stack.control("POST", "faults", { method: "POST", path: "/commands", action: "status", status: 503, count: 100000 });
				await stack.simulatorSaved();
				await consistency.collectLogs();
				await stack.simulator.kill();
				countOne("kill simulator");
				await stack.startSimulator();
			})();
			return platformReady;
		},
		async stopDatabase({ a, b }) {
			if (busy.database)
				return;
			busy.database = true;
			const mode = a < 0.5 ? "fast" : "immediate";

			await stack.database.stop(mode);
			countOne(`stop PostgreSQL ${mode}`);
			await sleep(b * DATABASE_AWAY_MAX_MS);
			await stack.database.start();
			busy.database = false;
		},
	};
	const mayFail = /^(flip|level|click|all|health|sync|expire|fault)$/;
	const start = Date.now();
	let collectedAt = 0;

	for (const action of script()) {
		const early = action.at - (Date.now() - start);

		if (early > 0)
			await sleep(early);
		await platformReady;
		const done = Promise.resolve(actions[action.kind](action)).catch((error) => {
			if (!mayFail.test(action.kind))
				throw error;
			countOne(`failed ${action.kind}`);
		});

		pending.push({ kind: action.kind, done });
		done.catch(() => {});
		if (pending.length > 40) {
			await pending[0].done;
			pending = pending.slice(1);
		}
		// The simulator's logs have a limited length.
		if (action.at - collectedAt > 5000) {
			collectedAt = action.at;
			await consistency.collectLogs();
		}
	}
	await platformReady;
	await Promise.all(pending.map(({ done }) => done));
	await stack.control("DELETE", "faults");
	t.diagnostic(JSON.stringify(count));
	for (const program of Object.keys(PROGRAMS))
		await waitFor(() => stack.pids(program).length > 0, { timeoutMs: 30000, what: program });

	// A worker that is killed before it has read the platform's answer to a refresh loses the new tokens.
	for (const installation of installations)
		if ((await installation.row()).status === "needs_reauth") {
			t.diagnostic("an installation had to be linked again");
			await installation.link();
		}
	const result = await consistency.check(installations, { allowed: ["superseded", "expired", "offline", "reconnect"], timeoutMs: 180000 });
	const took = [];

	for (const page of pages) {
		took.push(await page.untilCurrent(10000));
		await page.close();
	}
	t.diagnostic(`${result.events} events, commands ${JSON.stringify(result.commands)}; the pages are current after ${took.join(" ")} ms, ` +
		`${pages.reduce((sum, { streams }) => sum + streams, 0)} streams`);
	assert.ok(result.events > 0);
});
