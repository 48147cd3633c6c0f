// What the hostile tests share: a stack with a linked home that is quiet, signed requests and raw ones,
// and the shape of each case: the attack has its answer, nothing changed, a good request still works.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { csrfToken, freePorts, linkAccount, startStack, waitFor } from "../stack.mjs";
import { KeyServer, eventBody, makeKey, sign, switchEvent } from "./key_server.mjs";
import { Watch, changed } from "./unchanged.mjs";

export const KEY_ID = "/own/key-1";
const PROGRAMS = ["oauth.fcgi", "webhook.fcgi", "dashboard.fcgi", "switchboard-events", "switchboard-worker"];

/** The stack under attack, with a key server of our own. */
export class Target {
	keyServer = new KeyServer();
	own = makeKey();
	#ticks = 0;
	#last;

	/**
	 * "env" makes more variables for the stack; with an SWITCHBOARD_API_URL in it there is no simulator,
	 * so "link" is false.  "begun" comes before the first good request.
	 */
	async start({ link = true, env = () => ({}), begun = () => {} } = {}) {
		const [, port] = await freePorts();

		await this.keyServer.start();
		this.keyServer.keys.set(KEY_ID, { certificate: this.own.certificate });
		this.keyServer.behind = `http://127.0.0.1:${port}/key`;
		this.stack = await startStack({
			env: { SWITCHBOARD_SIMULATOR_PORT: String(port), SWITCHBOARD_KEY_URL: this.keyServer.url, ...await env() },
		});
		this.stack.simulatorUrl = `http://127.0.0.1:${port}`;
		this.url = this.stack.url;
		if (link) {
			this.alex = await linkAccount(this.stack, { location: "Home" });
			this.home = await this.synced("Home");
			this.device = await this.stack.psql(`SELECT device_id FROM switch
				WHERE installation_id = '${this.home}' AND component = 'main' ORDER BY device_id LIMIT 1`);
		}
		this.watch = new Watch(this.stack);
		if (link)
			await this.quiet();
		await begun();
		await this.good(); // the certificate is known from here on
		this.pids = this.programs();
	}

	async stop() {
		this.watch?.close();
		await this.stack?.stop();
		this.keyServer.stop();
	}

	/** The installation of a location, when the worker has nothing left to do for it. */
	async synced(name) {
		const { locations, installedApps } = await this.stack.control("GET", "state");
		const { locationId } = locations.find((location) => location.name === name);
		const { installedAppId } = installedApps.find((app) => app.locationId === locationId);

		// The platform asks to confirm the webhook whenever it is ready to; calls are counted after their effect.
		await waitFor(() => this.stack.psql(`SELECT 1 FROM installation i WHERE installation_id = '${installedAppId}'
			AND synced_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM job WHERE installation_id = i.installation_id)
			AND EXISTS (SELECT 1 FROM confirmation WHERE confirmed_at IS NOT NULL)
			AND NOT EXISTS (SELECT 1 FROM confirmation WHERE confirmed_at IS NULL)`),
		{ what: `the first sync of ${name}` });
		const counts = () => this.stack.psql("SELECT sum(calls) FROM api_call");
		let last;

		await waitFor(async () => last === (last = await counts()), { intervalMs: 500, what: "the calls to be counted" });
		return installedAppId;
	}

	/** Until the worker has nothing to do for anybody, and what it counts and notes is written. */
	async quiet() {
		let last;

		await waitFor(async () => {
			const [{ busy }] = await this.stack.rows(`SELECT (SELECT count(*) FROM job) +
				(SELECT count(*) FROM command WHERE status IN ('requested', 'sent', 'accepted')) +
				(SELECT count(*) FROM installation i WHERE status = 'linking' OR status = 'active'
					AND 4 <> (SELECT count(*) FROM subscription s WHERE s.installation_id = i.installation_id)) AS busy`);
			const now = JSON.stringify(await this.watch.contents());
			const same = now === last;

			last = now;
			return busy === 0 && same;
		}, { intervalMs: 250, what: "the worker to have nothing left to do" });
	}

	programs() {
		return Object.fromEntries(PROGRAMS.map((name) => [name, this.stack.pids(name).sort()]));
	}

	// ---- requests ----

	/** POST / with these headers; a list of values sends a header several times. */
	post(body, headers, { path = "/", method = "POST", contentType = "application/json" } = {}) {
		return this.stack.request(path, { method, body, headers: { "Content-Type": contentType, ...headers } });
	}

	sign(body, options) {
		return sign(body, { key: this.own.key, keyId: KEY_ID, ...options });
	}

	signed(body, options) {
		return this.post(body, this.sign(body, options));
	}

	/** A webhook that is refused as one the platform did not sign, without a question to the key server. */
	async refuses(headers, { body, status = 401, ...options }) {
		const fetches = [...this.keyServer.fetches];
		const answer = await this.post(body, headers, options);

		assert.equal(answer.status, status, answer.text.slice(0, 200));
		if (status === 401)
			assert.equal(answer.json().error.code, "auth");
		assert.deepEqual(answer.setCookies, []);
		assert.deepEqual([...this.keyServer.fetches], fetches);
	}

	/** One new event of a switch of ours, later than all before. */
	fresh(value = "on") {
		return eventBody(this.home, [switchEvent(this.device, value, { ticks: ++this.#ticks })]);
	}

	/** Bytes as they are; answers { status, headers (a string), text } of the first response, status 0 for none. */
	raw(bytes, { timeoutMs = 20000 } = {}) {
		return new Promise((resolve, reject) => {
			const { hostname, port } = new URL(this.url);
			const socket = net.connect(Number(port), hostname);
			const parts = [];
			const finish = () => {
				const all = Buffer.concat(parts).toString("latin1");
				const end = all.indexOf("\r\n\r\n");

				resolve({
					status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(all)?.[1] ?? 0),
					headers: end < 0 ? all : all.slice(0, end),
					text: end < 0 ? "" : all.slice(end + 4),
				});
			};

			socket.setTimeout(timeoutMs, () => {
				socket.destroy();
				reject(new Error(`no end of the answer to ${bytes.toString("latin1").slice(0, 80)}`));
			});
			socket.on("data", (part) => parts.push(part));
			socket.on("error", finish); // the server may close while we still send
			socket.on("close", finish);
			socket.write(bytes);
		});
	}

	/** A connection that sends these parts one by one, and never the rest; to be destroyed. */
	slow(parts) {
		const { hostname, port } = new URL(this.url);
		const socket = net.connect(Number(port), hostname);
		const left = [...parts];
		const timer = setInterval(() => left.length > 0 && socket.write(left.shift()), 20);

		socket.on("error", () => {});
		socket.on("data", () => {});
		socket.on("close", () => clearInterval(timer));
		return socket;
	}

	// ---- cases ----

	/** A good request: an event that is stored.  Others than the webhook's tests say what theirs is. */
	async good() {
		assert.equal((await this.signed(this.fresh(this.#ticks % 2 ? "on" : "off"))).status, 200, "a good event");
		return ["event", "installation", "switch"];
	}

	/**
	 * One case.  "attack" asserts its own answers; "changes" are the tables it may touch.  What good()
	 * answers are the tables that the good request afterwards has to change.
	 */
	survives(name, attack, { changes = [] } = {}) {
		test(name, async () => {
			this.#last ??= await this.watch.contents();
			const first = this.#last;

			this.#last = undefined; // a case that fails is not the next one's concern
			await attack();
			const second = await this.watch.contents();

			assert.deepEqual(changed(first, second), changes, "tables that changed");
			const expected = await this.good();
			const third = await this.watch.contents();

			assert.deepEqual(changed(second, third), expected, "tables that the good request changed");
			this.#last = third;
		});
	}

	/** Each program is still the process it was, and none of them says that it failed. */
	async assertUnharmed() {
		assert.deepEqual(this.programs(), this.pids);
		for (const name of ["oauth", "webhook", "dashboard"]) {
			const failures = this.stack.log(name).split("\n")
				.filter((line) => /^level=error |event=request .*\bstatus=500\b/.test(line));

			assert.deepEqual(failures, [], `${name}.log`);
		}
		// Its lines come a second late, and in order.
		await this.stack.request("/the-last-line");
		await waitFor(() => this.stack.log("access").includes("/the-last-line"), { what: "the access log" });
		assert.doesNotMatch(this.stack.log("access"), / 500 \d+ \d+\.\d{3} /);
	}
}

/**
 * A target with two people: Alex, who owns "Home" and attacks, and Sam, who owns "Flat".  All switches of
 * Alex are off, so that the good request here, all off, is taken and changes nothing.
 */
export function attackPage() {
	const target = attackStack({
		begun: async () => {
			await target.stack.control("POST", "accounts", {
				name: "Sam",
				locations: [{ name: "Flat", rooms: ["Study"], devices: [{ name: "Smart plug", label: "Desk lamp", room: "Study" }] }],
			});
			target.sam = await linkAccount(target.stack, { location: "Flat" });
			target.flat = await target.synced("Flat");
			target.token = await csrfToken(target.stack, target.alex);
			await target.quiet();
			await target.api("/api/switches", { command: "off" });
			await waitFor(async () => (await target.list()).every(({ state, pending }) => state === "off" && !pending),
				{ what: "all switches to be off" });
			await target.quiet();
			[target.lamp] = await target.list();
			[target.theirs] = await target.list(target.sam);
		},
	});

	target.list = async (jar = target.alex) => (await target.stack.request("/api/switches", { jar })).json().switches;
	/** POST as Alex's page does. */
	target.api = (where, json, options) => target.stack.request(where,
		{ json, jar: target.alex, headers: { "X-CSRF-Token": target.token }, ...options });
	target.good = async () => {
		assert.equal((await target.stack.request("/", { jar: target.alex })).status, 200);
		const answer = await target.api("/api/switches", { command: "off" });

		assert.equal(answer.status, 202, answer.text);
		assert.deepEqual(answer.json().commandIds, []);
		return [];
	};
	return target;
}

/** A target for a test file: started first, looked over by a last test, stopped. */
export function attackStack(options) {
	const target = new Target();

	before(() => target.start(options));
	after(() => target.stop());
	return target;
}
