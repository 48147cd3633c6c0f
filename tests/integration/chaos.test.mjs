// A minute of everything at once while things die at random, then the referee.  The order of actions
// follows from a seed, which is printed:
//
//   SWITCHBOARD_TEST_SEED=12345 SWITCHBOARD_TEST_SECONDS=60 node --test tests/integration/chaos.test.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CookieJar, csrfToken, linkAccount, waitFor } from "../stack.mjs";
import { PROGRAMS, Parts } from "./parts.mjs";
import { Home, Reader, Referee, dimmer, lamps, strip } from "./referee.mjs";

const seed = Number(process.env.SWITCHBOARD_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(process.env.SWITCHBOARD_TEST_SECONDS ?? 60);
let parts;

before(async () => {
	parts = await Parts.start();
});

after(() => parts?.stop());

/** Numbers from 0 to 1 that a seed determines (a 32-bit xorshift with a multiplication). */
function chance(from) {
	let state = from >>> 0 || 1;

	return () => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		state >>>= 0;
		return (Math.imul(state, 0x9e3779b1) >>> 0) / 2 ** 32;
	};
}

/** Kinds of actions with their mean distance in ms; "deaths" wait for what died before the next one. */
const KINDS = {
	flip: 25, level: 150, click: 120, all: 4000, health: 3000, sync: 5000, expire: 20000, fault: 3000, drop: 4000,
	killProgram: 1500, killWeb: 15000, killSimulator: 20000, stopDatabase: 25000,
};

/** [{ at, kind, a, b, c }], the whole run. */
function script() {
	const random = chance(seed);
	const actions = [];

	for (const [kind, mean] of Object.entries(KINDS))
		for (let at = mean * (0.5 + random()); at < seconds * 1000; at += mean * (0.5 + random()))
			actions.push({ at, kind, a: random(), b: random(), c: random() });
	return actions.sort((x, y) => x.at - y.at);
}

test(`${seconds} s of load while random processes die: nothing is lost`, async (t) => {
	process.stdout.write(`# seed ${seed}\n`);
	const referee = new Referee(parts);
	const homes = [await Home.make(parts, [...lamps(6), dimmer("Dim"), strip("Strip")]), await Home.make(parts, lamps(4))];
	const readers = [];
	const guests = []; // a second browser of each home

	for (const home of homes) {
		const jar = await linkAccount(parts, { location: home.location, jar: new CookieJar() });

		await home.link();
		guests.push({ jar, csrf: await csrfToken(parts, jar) });
		readers.push(await new Reader(home).open(), await new Reader(home, { jar }).open());
	}
	const { devices: all } = await parts.control("GET", "state");
	const switches = homes.map((home) => all.filter(({ locationId }) => locationId === home.location)
		.flatMap(({ deviceId, components }) => components.map(({ id }) => ({ device: deviceId, component: id }))));
	const pick = (list, at) => list[Math.floor(at * list.length)];
	const count = {};
	const note = (what) => (count[what] = (count[what] ?? 0) + 1);
	const some = (at) => Math.floor(at * homes.length);
	let gate = Promise.resolve(); // closed while the platform may not change
	let pending = [];
	const busy = { web: false, database: false };

	const actions = {
		async flip({ a, b }) {
			const { device, component } = pick(switches[some(a)], b);

			await homes[some(a)].flip(device, { component, value: "toggle" });
			note("flips");
		},
		async level({ a }) {
			await parts.control("POST", `devices/${homes[0].devices[6]}/level`, { level: Math.floor(a * 101) });
			note("levels");
		},
		async click({ a, b, c }) {
			const { device, component } = pick(switches[some(a)], b);
			const guest = c < 0.5 ? guests[some(a)] : {};
			const json = homes[some(a)].devices[6] === device && c * 4 % 1 < 0.4 ? { command: "setLevel", level: Math.floor(c * 101) } :
				{ command: c * 2 % 1 < 0.5 ? "on" : "off" };
			const { status } = await homes[some(a)].click(device, json, { component, ...guest });

			note(`clicks ${status}`);
		},
		async all({ a, b }) {
			note(`all ${(await homes[some(a)].all(b < 0.5 ? "on" : "off")).status}`);
		},
		async health({ a, b, c }) {
			const device = pick(homes[some(a)].devices, b);

			await parts.control("POST", `devices/${device}/health`, { state: c < 0.15 ? "OFFLINE" : "ONLINE" });
		},
		async sync({ a, b }) {
			await parts.psql(`SELECT job_put('${homes[some(a)].id}', '${b < 0.5 ? "device_sync" : "subscription_sync"}');
				SELECT wake('switchboard_work', '')`);
			note("syncs");
		},
		async expire({ a }) {
			await parts.control("POST", "tokens/expire", { installedAppId: homes[some(a)].id });
			note("expired tokens");
		},
		async fault({ a, b, c }) {
			const what = pick([{ action: "status", status: 500 }, { action: "status", status: 429, retryAfter: 1 },
				{ action: "slow", delayMs: 500, afterEffect: true }, { action: "cut" }, { action: "cut", afterEffect: true }], a);

			await parts.control("POST", "faults", { path: b < 0.7 ? "/commands" : "/devices", method: b < 0.7 ? "POST" : "GET",
				count: 1 + Math.floor(c * 4), ...what });
			note("faults");
		},
		drop({ a }) {
			pick(readers, a).drop();
		},
		async killProgram({ a }) {
			const program = pick(Object.keys(PROGRAMS), a);

			parts.kill(program);
			note(`kill ${program}`);
		},
		async killWeb({ a }) {
			if (busy.web)
				return;
			busy.web = true;
			await parts.killWeb();
			note("kill nginx");
			await new Promise((resolve) => setTimeout(resolve, 500 * a));
			await parts.startWeb();
			busy.web = false;
		},
		killSimulator() {
			// Nothing of the platform may change between its last save and its end.
			gate = (async () => {
				await Promise.allSettled(pending.filter(({ kind }) => kind !== "killWeb" && kind !== "stopDatabase").map(({ done }) => done));
				// A command that was ACCEPTED and not obeyed yet would die with it, and fail as unconfirmed.
				await parts.control("DELETE", "faults");
				await parts.control("POST", "faults", { method: "POST", path: "/commands", action: "status", status: 503, count: 100000 });
				await parts.simulatorSaved();
				await referee.note();
				await parts.simulator.kill();
				note("kill simulator");
				await parts.startSimulator();
			})();
			return gate;
		},
		async stopDatabase({ a, b }) {
			if (busy.database)
				return;
			busy.database = true;
			const mode = a < 0.5 ? "fast" : "immediate";

			await parts.database.stop(mode);
			note(`stop PostgreSQL ${mode}`);
			await new Promise((resolve) => setTimeout(resolve, 3000 * b));
			await parts.database.start();
			busy.database = false;
		},
	};
	const mayFail = /^(flip|level|click|all|health|sync|expire|fault)$/;
	const start = Date.now();
	let notedAt = 0;

	for (const action of script()) {
		const early = action.at - (Date.now() - start);

		if (early > 0)
			await new Promise((resolve) => setTimeout(resolve, early));
		await gate;
		const done = Promise.resolve(actions[action.kind](action)).catch((error) => {
			if (!mayFail.test(action.kind))
				throw error;
			note(`failed ${action.kind}`);
		});

		pending.push({ kind: action.kind, done });
		done.catch(() => {});
		if (pending.length > 40) {
			await pending[0].done;
			pending = pending.slice(1);
		}
		// Its log has a limit.
		if (action.at - notedAt > 5000) {
			notedAt = action.at;
			await referee.note();
		}
	}
	await gate;
	await Promise.all(pending.map(({ done }) => done));
	await parts.control("DELETE", "faults");
	t.diagnostic(JSON.stringify(count));
	for (const program of Object.keys(PROGRAMS))
		await waitFor(() => parts.pids(program).length > 0, { timeoutMs: 30000, what: program });

	// A worker killed between the platform's answer and its own reading of it cannot know the new tokens.
	for (const home of homes)
		if ((await home.row()).status === "needs_reauth") {
			t.diagnostic("a home had to be linked again");
			await home.link();
		}
	const result = await referee.judge(homes, { allowed: ["superseded", "expired", "offline", "reconnect"], timeoutMs: 180000 });
	const took = [];

	for (const reader of readers) {
		took.push(await reader.shows(10000));
		await reader.close();
	}
	t.diagnostic(`${result.events} events, commands ${JSON.stringify(result.commands)}; pages are true after ${took.join(" ")} ms, ` +
		`${readers.reduce((sum, { opened }) => sum + opened, 0)} streams`);
	assert.ok(result.events > 0);
});
