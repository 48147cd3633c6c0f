// What the hostile tests share: a stack with a linked installation without pending work, signed and raw requests,
// and the steps of each case: the attack gets its answer, no table has changed, and a good request still works.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { JOB_IS_OPEN, SAM, csrfToken, freePorts, linkAccount, startStack, waitFor } from "../stack.mjs";
import { KeyServer, eventBody, makeKey, sign, switchEvent } from "./key_server.mjs";
import { TableDigests, changedTables } from "./table_digests.mjs";

export const KEY_ID = "/own/key-1";
const PROGRAMS = ["oauth.fcgi", "webhook.fcgi", "dashboard.fcgi", "switchboard-events", "switchboard-worker"];

/** The stack under attack, with a key server of the test's own. */
export class Target {
	keyServer = new KeyServer();
	own = makeKey();
	#ticks = 0;
	#last;

	/**
	 * "env" gives more variables for the stack; with SWITCHBOARD_API_URL among them there is no simulator,
	 * so "link" is false.  "prepare" runs before the first good request.
	 */
	async start({ link = true, env = () => ({}), prepare = () => {} } = {}) {
		const [, port] = await freePorts();

		await this.keyServer.start();
		this.keyServer.keys.set(KEY_ID, { certificate: this.own.certificate });
		this.keyServer.upstream = `http://127.0.0.1:${port}/key`;
		this.stack = await startStack({
			env: { SWITCHBOARD_SIMULATOR_PORT: String(port), SWITCHBOARD_KEY_URL: this.keyServer.url, ...await env() },
		});
		this.stack.simulatorUrl = `http://127.0.0.1:${port}`;
		this.url = this.stack.url;
		if (link) {
			this.alex = await linkAccount(this.stack, { location: "Home" });
			this.installation = await this.synced("Home");
			this.device = await this.stack.psql(`SELECT device_id FROM switch
				WHERE installation_id = '${this.installation}' AND component = 'main' ORDER BY device_id LIMIT 1`);
		}
		this.digests = new TableDigests(this.stack);
		if (link)
			await this.untilIdle();
		await prepare();
		await this.good(); // the certificate is known from here on
		this.pids = this.programs();
	}

	async stop() {
		this.digests?.close();
		await this.stack?.stop();
		this.keyServer.stop();
	}

	/** The installation id of a location when nothing is left to do for it, the webhook is confirmed and its calls are counted. */
	async synced(name) {
		const id = await this.stack.syncedInstallation(name);

		await waitFor(() => this.stack.psql(`SELECT 1 WHERE EXISTS (SELECT 1 FROM confirmation WHERE confirmed_at IS NOT NULL)
			AND NOT EXISTS (SELECT 1 FROM confirmation WHERE confirmed_at IS NULL)`), { what: "the confirmation of the webhook" });
		// Calls are counted after their effect, once a second.
		const counts = () => this.stack.psql("SELECT sum(calls) FROM api_call");
		let last;

		await waitFor(async () => last === (last = await counts()), { intervalMs: 1500, what: "the calls to be counted" });
		return id;
	}

	/** Wait until the worker has no work left and the tables, with the calls it counts once a second, do not change any more. */
	async untilIdle() {
		let last;

		await waitFor(async () => {
			const [{ busy }] = await this.stack.rows(`SELECT (SELECT count(*) FROM work WHERE ${JOB_IS_OPEN}) +
				(SELECT count(*) FROM command WHERE status IN ('requested', 'sent', 'accepted')) +
				(SELECT count(*) FROM installation i WHERE status = 'linking' OR status = 'active'
					AND 4 <> (SELECT count(*) FROM subscription s WHERE s.installation_id = i.installation_id)) AS busy`);
			const now = JSON.stringify(await this.digests.read());
			const same = now === last;

			last = now;
			return busy === 0 && same;
		}, { intervalMs: 1200, what: "the worker to have nothing left to do" });
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

	/** Assert that a webhook is refused as not signed by the platform, without a request to the key server. */
	async refuses(headers, { body, status = 401, ...options }) {
		const fetches = [...this.keyServer.fetches];
		const answer = await this.post(body, headers, options);

		assert.equal(answer.status, status, answer.text.slice(0, 200));
		if (status === 401)
			assert.equal(answer.json().error.code, "auth");
		assert.deepEqual(answer.setCookies, []);
		assert.deepEqual([...this.keyServer.fetches], fetches);
	}

	/** The body of one new event of Alex's switch, later than all before. */
	fresh(value = "on") {
		return eventBody(this.installation, [switchEvent(this.device, value, { ticks: ++this.#ticks })]);
	}

	/** Send bytes as they are; returns { status, headers (a string), text } of the first response, status 0 for none. */
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

	/** A good request: an event that is stored.  Tests of other programs replace it. */
	async good() {
		assert.equal((await this.signed(this.fresh(this.#ticks % 2 ? "on" : "off"))).status, 200, "a good event");
		return ["event", "installation", "switch"];
	}

	/**
	 * One case.  "attack" asserts its own answers; "changes" are the tables that it changes.  good()
	 * returns the tables that the good request afterwards must change.
	 */
	survives(name, attack, { changes = [] } = {}) {
		test(name, async () => {
			this.#last ??= await this.digests.read();
			const first = this.#last;

			this.#last = undefined; // read again when this case fails
			await attack();
			const second = await this.digests.read();

			assert.deepEqual(changedTables(first, second), changes, "tables that changed");
			const expected = await this.good();
			const third = await this.digests.read();

			assert.deepEqual(changedTables(second, third), expected, "tables that the good request changed");
			this.#last = third;
		});
	}

	/** Assert that each program has its first process, and that no log has an error. */
	async assertUnharmed() {
		assert.deepEqual(this.programs(), this.pids);
		for (const name of ["oauth", "webhook", "dashboard"]) {
			const failures = this.stack.log(name).split("\n")
				.filter((line) => /^level=error |event=request .*\bstatus=500\b/.test(line));

			assert.deepEqual(failures, [], `${name}.log`);
		}
		// nginx writes its log up to a second late, in order: this line is the last.
		await this.stack.request("/the-last-line");
		await waitFor(() => this.stack.log("access").includes("/the-last-line"), { what: "the access log" });
		assert.doesNotMatch(this.stack.log("access"), / 500 \d+ \d+\.\d{3} /);
	}
}

/**
 * A target with two people: Alex, who owns "Home" and attacks, and Sam, who owns "Flat".  All switches of
 * Alex are off, so that the good request here, all off, is accepted and changes nothing.
 */
export function attackPage() {
	const target = attackStack({
		prepare: async () => {
			await target.stack.control("POST", "accounts", SAM);
			target.sam = await linkAccount(target.stack, { location: "Flat" });
			target.flat = await target.synced("Flat");
			target.token = await csrfToken(target.stack, target.alex);
			await target.untilIdle();
			await target.api("/api/switches", { command: "off" });
			await waitFor(async () => (await target.list()).every(({ state, pending }) => state === "off" && !pending),
				{ what: "all switches to be off" });
			await target.untilIdle();
			[target.lamp] = await target.list();
			[target.theirs] = await target.list(target.sam);
		},
	});

	target.list = (jar = target.alex) => target.stack.switches(jar);
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

/** A target for a test file, started before its tests and stopped after them. */
export function attackStack(options) {
	const target = new Target();

	before(() => target.start(options));
	after(() => target.stop());
	return target;
}
