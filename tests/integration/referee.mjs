// What must be true when everything is quiet again, whatever died meanwhile: the simulated platform's
// own log is compared with the database and with what a browser was told.
import assert from "node:assert/strict";
import http from "node:http";
import { CookieJar, csrfToken, linkAccount, waitFor } from "../stack.mjs";

const quote = (text) => `'${String(text).replaceAll("'", "''")}'`;
const FOUR = ["CAPABILITY switch switch", "CAPABILITY switchLevel level", "DEVICE_HEALTH", "DEVICE_LIFECYCLE"];
const OPEN = "('requested', 'sent', 'accepted')";
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let names = 0;

export const lamp = (label) => ({ name: "Lamp", label });
export const lamps = (count) => Array.from({ length: count }, (_, n) => lamp(`Lamp ${n}`));
export const dimmer = (label, level = 50) => ({ name: "Dimmer", label,
	components: [{ id: "main", capabilities: ["switch", "switchLevel"], state: "on", level }] });
export const strip = (label) => ({ name: "Strip", label,
	components: ["main", "outlet1", "outlet2"].map((id) => ({ id, capabilities: ["switch"], state: "off" })) });

/** One home, its owner's browser, and what was asked of it. */
export class Home {
	clicks = []; // ids of commands that were answered 202

	/** An account of its own with one location, linked and read. */
	static async make(parts, devices = lamps(3)) {
		const name = `Home ${++names}`;
		const account = await parts.control("POST", "accounts", { name: `Person ${names}`, locations: [{ name, devices }] });
		const home = new Home();

		home.parts = parts;
		[{ locationId: home.location }] = account.locations;
		home.devices = account.locations[0].devices.map(({ deviceId }) => deviceId);
		await home.link();
		return home;
	}

	/** Link, or link again with the same browser. */
	async link(jar = this.jar ?? new CookieJar()) {
		this.jar = await linkAccount(this.parts, { location: this.location, jar });
		const { installedApps } = await this.parts.control("GET", "state");

		this.id = installedApps.find(({ locationId }) => locationId === this.location).installedAppId;
		// A job whose worker died elsewhere is kept for a minute.
		await waitFor(async () => (await this.row()).status === "active" && (await this.list()).length > 0 &&
			await this.jobs() === 0, { timeoutMs: 90000, what: "the home to be read" });
		this.csrf = await csrfToken(this.parts, this.jar);
	}

	async row() {
		const [row] = await this.parts.rows(`SELECT * FROM installation WHERE installation_id = ${quote(this.id)}`);

		return row;
	}

	async token() {
		const [row] = await this.parts.rows(`SELECT generation, failures, last_error, claimed_by, claimed_until > now() AS claimed
			FROM token WHERE installation_id = ${quote(this.id)}`);

		return row;
	}

	/** Jobs that are due. */
	jobs() {
		return this.parts.psql(`SELECT count(*) FROM job WHERE installation_id = ${quote(this.id)}
			AND run_at < now() + interval '5 seconds'`).then(Number);
	}

	/** What the page's API shows; a status other than 200 throws. */
	async list(jar = this.jar) {
		const answer = await this.parts.request("/api/switches", { jar });

		if (answer.status !== 200)
			throw new Error(`/api/switches answered ${answer.status}`);
		return answer.json().switches.filter(({ installationId }) => installationId === this.id);
	}

	/** A click; the answer, whose command is remembered when it was taken. */
	async click(device, json = { command: "on" }, { component = "main", jar = this.jar, csrf = this.csrf } = {}) {
		return this.#ask(`/api/switches/${device}/${component}`, json, jar, csrf);
	}

	/** "All on" or "all off" here. */
	async all(command, { jar = this.jar, csrf = this.csrf } = {}) {
		return this.#ask("/api/switches", { command, installationId: this.id }, jar, csrf);
	}

	async #ask(where, json, jar, csrf) {
		const answer = await this.parts.request(where, { json, jar, headers: { "X-CSRF-Token": csrf } });

		if (answer.status === 202)
			this.clicks.push(...(answer.json().commandIds ?? [answer.json().commandId]));
		return answer;
	}

	flip(device, body = { value: "toggle" }) {
		return this.parts.control("POST", `devices/${device}/flip`, body);
	}

	/** Rows of the commands, in the order they were asked for. */
	commands(ids = this.clicks) {
		return this.parts.rows(`SELECT command_id, device_id, component, command, level, status, error, attempts,
			sent_at, accepted_at, sent_at > accepted_at AS sent_again, finished_at - requested_at AS took
			FROM command WHERE installation_id = ${quote(this.id)}
			AND command_id IN (${ids.map(quote).join(", ") || "NULL"}) ORDER BY requested_at, command_id`);
	}

	async finished(ids = this.clicks, timeoutMs = 60000) {
		return waitFor(async () => {
			const rows = await this.commands(ids);

			return rows.length === ids.length && rows.every(({ status }) => ["confirmed", "failed"].includes(status)) && rows;
		}, { timeoutMs, intervalMs: 100, what: "the commands to be finished" });
	}

	/** Refresh calls that the platform saw since the last reset of its log; a dead token's it cannot name. */
	async refreshes() {
		const { log } = await this.parts.control("GET", "calls");

		return log.filter((call) => [this.id, null, ""].includes(call.installedAppId) && call.path.endsWith("/oauth/token"));
	}

	/** Calls to devices' commands since the last reset. */
	async sent() {
		const { log } = await this.parts.control("GET", "calls");

		return log.filter((call) => call.installedAppId === this.id && call.path.endsWith("/commands"));
	}

	/** { "device component": {state, level, online} } as the platform has it. */
	async truth() {
		const { devices } = await this.parts.control("GET", "state");
		const found = {};

		for (const device of devices.filter(({ locationId }) => locationId === this.location))
			for (const { id } of device.components) {
				const status = device.status[id];

				if (status?.switch)
					found[`${device.deviceId} ${id}`] = { state: status.switch.switch.value,
						level: status.switchLevel?.level.value ?? null, online: device.healthState.state === "ONLINE" };
			}
		return found;
	}
}

/** The same shape from a list of the page's API or of events. */
export const seen = (switches) => Object.fromEntries([...switches].map(({ deviceId, component, state, level, online }) =>
	[`${deviceId} ${component}`, { state, level, online }]));

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Does "switches" (of a list or a reader) say what the platform says? */
export async function assertTrue(home, switches, message) {
	assert.deepEqual(sorted(seen(switches)), sorted(await home.truth()), message);
}

/** A page in a browser: the list, then the stream with Last-Event-ID, for as long as it is open. */
export class Reader {
	switches = new Map();
	failures = []; // what commands are said to have failed with
	opened = 0; // streams
	resumed = 0; // of them, with Last-Event-ID
	lists = 0;
	last = undefined;

	constructor(home, { jar = home.jar, againMs = 100 } = {}) {
		this.home = home;
		this.jar = jar;
		this.againMs = againMs;
		home.parts.running.add(this);
	}

	async open() {
		await this.#read();
		this.ended = this.#stay();
		await waitFor(() => this.connected, { what: "the stream" });
		return this;
	}

	async #read() {
		const answer = await this.home.parts.request("/api/switches", { jar: this.jar });

		if (answer.status !== 200)
			throw new Error(`/api/switches answered ${answer.status}`);
		const { cursor, switches } = answer.json();

		this.lists++;
		this.cursor = cursor;
		this.switches = new Map(switches.filter(({ installationId }) => installationId === this.home.id)
			.map((item) => [`${item.deviceId} ${item.component}`, item]));
	}

	async #stay() {
		while (!this.closed) {
			await this.#stream().catch(() => {});
			this.connected = false;
			if (!this.closed)
				await sleep(this.againMs);
		}
	}

	#stream() {
		const { parts } = this.home;
		const where = new URL(this.last === undefined ? `/events?cursor=${encodeURIComponent(this.cursor)}` : "/events", parts.url);
		const headers = { Cookie: this.jar.header(parts.url), ...(this.last !== undefined && { "Last-Event-ID": this.last }) };

		return new Promise((resolve, reject) => {
			this.call = http.get(where, { headers, agent: false }, (answer) => {
				let text = "";

				this.status = answer.statusCode;
				if (answer.statusCode !== 200) {
					answer.resume();
					answer.on("close", resolve);
					return;
				}
				this.opened++;
				this.resumed += this.last !== undefined;
				this.connected = true;
				answer.setEncoding("utf8");
				answer.on("data", (part) => {
					text += part;
					for (let at; (at = text.indexOf("\n\n")) >= 0; text = text.slice(at + 2))
						this.#take(text.slice(0, at));
				});
				answer.on("error", resolve);
				answer.on("close", resolve);
			});
			this.call.on("error", reject);
		});
	}

	#take(block) {
		const fields = Object.fromEntries(block.split("\n").filter((line) => /^\w+: /.test(line))
			.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
		const data = fields.data === undefined ? {} : JSON.parse(fields.data);

		if (fields.id !== undefined)
			this.last = fields.id;
		if (fields.event === "switch" && data.installationId === this.home.id)
			this.switches.set(`${data.deviceId} ${data.component}`, data);
		else if (fields.event === "command")
			this.failures.push(data);
		else if (fields.event === "bye")
			this.closed = true;
		else if ((fields.event === "sync" && data.structure) || fields.event === "installation")
			// As the page does: its shape changed.
			waitFor(() => this.#read().then(() => true), { timeoutMs: 30000 }).catch(() => {});
	}

	/** The network is gone. */
	drop() {
		this.call?.destroy();
	}

	abandon() {
		this.closed = true;
		this.drop();
		this.home.parts.running.delete(this);
	}

	async close() {
		this.abandon();
		await this.ended;
	}

	/** Until what this page shows is what the platform has; how long that took. */
	async shows(timeoutMs = 5000) {
		const start = Date.now();

		await waitFor(async () => {
			await assertTrue(this.home, this.switches.values());
			return [...this.switches.values()].every(({ pending }) => !pending);
		}, { timeoutMs, what: "the page to show the true state" });
		return Date.now() - start;
	}
}

/** Keeps "next" running, a few at a time, until stopped; what fails on the way is counted, not thrown. */
export class Load {
	done = 0;
	failed = 0;

	constructor(parts, next, { atOnce = 2, pauseMs = 5 } = {}) {
		this.parts = parts;
		parts.running.add(this);
		this.all = Array.from({ length: atOnce }, () => this.#run(next, pauseMs));
	}

	async #run(next, pauseMs) {
		while (!this.stopped) {
			try {
				await next();
				this.done++;
			} catch {
				this.failed++;
			}
			await sleep(pauseMs);
		}
	}

	/** Until "count" more were done. */
	more(count) {
		const goal = this.done + count;

		return waitFor(() => this.done >= goal, { timeoutMs: 30000, what: `${count} more of the load` });
	}

	abandon() {
		this.stopped = true;
		this.parts.running.delete(this);
	}

	async stop() {
		this.abandon();
		await Promise.all(this.all);
	}
}

/** Sees everything; asked at the end. */
export class Referee {
	delivered = new Set(); // ids of events that were answered 200
	executed = new Map(); // the platform's commands

	constructor(parts) {
		this.parts = parts;
	}

	/** Take over the simulator's logs: before it dies, and before they are full. */
	async note() {
		const { log } = await this.parts.control("GET", "deliveries");
		const { commands } = await this.parts.control("GET", "commands");

		for (const { state, status, eventIds } of log)
			if (state === "delivered" && status === 200)
				eventIds.forEach((id) => this.delivered.add(id));
		for (const command of commands)
			this.executed.set(command.id, command);
		return log;
	}

	async #pending(homes) {
		const [queues] = await this.parts.rows(`SELECT
			(SELECT count(*) FROM command WHERE status IN ${OPEN}) AS commands,
			(SELECT count(*) FROM job j JOIN installation i USING (installation_id) WHERE j.run_at < now() + interval '5 seconds'
				AND i.status IN ('linking', 'active')) AS jobs,
			(SELECT count(*) FROM token t JOIN installation i USING (installation_id) WHERE i.status IN ('linking', 'active')
				AND (t.claimed_until > now() OR t.refresh_after <= now())) AS tokens,
			(SELECT count(*) FROM confirmation WHERE confirmed_at IS NULL) AS confirmations`);
		const { queued, inFlight } = await this.parts.control("GET", "deliveries");
		const { commands } = await this.parts.control("GET", "commands");
		const waiting = commands.filter(({ executedAt, droppedAt, deviceId }) => executedAt === null && droppedAt === null && homes
			.some((home) => home.devices.includes(deviceId))).length;

		return { ...queues, queued, inFlight, waiting };
	}

	/** Until nothing is queued, sent or claimed anywhere. */
	async quiet(homes, timeoutMs = 120000) {
		let last;

		await waitFor(async () => {
			last = await this.#pending(homes);
			return Object.values(last).every((count) => count === 0);
		}, { timeoutMs, intervalMs: 100, what: "everything to be quiet" }).catch((error) => {
			throw new Error(`not quiet: ${JSON.stringify(last)} (${error.message})`);
		});
	}

	async #events() {
		const missing = [...this.delivered];
		const rows = missing.length === 0 ? [] : await this.parts.rows(
			`SELECT event_id::text AS id, count(*) AS copies FROM event GROUP BY event_id`);
		const copies = new Map(rows.map(({ id, copies: count }) => [id, count]));

		assert.deepEqual(missing.filter((id) => !copies.has(id)), [], "webhooks that were answered 200 are stored");
		assert.deepEqual([...copies].filter(([, count]) => count !== 1), [], "and once");
	}

	async #switches(home) {
		const rows = await this.parts.rows(`SELECT s.device_id AS "deviceId", s.component, s.state, s.level,
			coalesce(d.online, true) AS online FROM switch s JOIN device d USING (installation_id, device_id)
			WHERE s.installation_id = ${quote(home.id)}`);

		await assertTrue(home, rows, "the rows are what the platform has");
		await assertTrue(home, await home.list(), "and so is the page");
	}

	async #subscriptions(home) {
		const { installedApps } = await this.parts.control("GET", "state");
		const { subscriptions } = installedApps.find(({ installedAppId }) => installedAppId === home.id);
		const kinds = subscriptions.map(({ sourceType, capability }) =>
			[sourceType, capability?.capability, capability?.attribute].filter(Boolean).join(" "));
		const stored = await this.parts.psql(`SELECT string_agg(subscription_id, ' ' ORDER BY subscription_id)
			FROM subscription WHERE installation_id = ${quote(home.id)}`);

		assert.deepEqual(kinds.sort(), FOUR, "exactly the four subscriptions at the platform");
		assert.equal(stored, subscriptions.map(({ id }) => id).sort().join(" "), "and in the table");
	}

	/**
	 * The platform names commands its own way, so they are compared by what they say.  It executed no more
	 * than the worker counted, no less than was accepted, and nothing was sent after it had been accepted.
	 */
	async #commands(home, allowed) {
		const rows = await this.parts.rows(`SELECT command_id AS id, device_id, component, command, level, status, error,
			attempts, accepted_at IS NOT NULL AS accepted, sent_at > accepted_at AS again, requested_at, sent_at, accepted_at,
			finished_at FROM command WHERE installation_id = ${quote(home.id)}`);
		// With what the platform says of that switch, so that a failure can be understood.
		const told = ({ device_id: device, component, ...row }) => ({ device, component, ...row,
			platform: [...this.executed.values()].filter((one) => one.deviceId === device && one.component === component)
				.map(({ at, executedAt, command }) => `${command} ${at} ${executedAt}`).slice(-20) });
		// ACCEPTED, but the device went offline before it obeyed: no event ever tells of it.
		const dropped = [...this.executed.values()].filter(({ droppedAt }) => droppedAt !== null);
		const wasDropped = (row) => {
			const place = dropped.findIndex((one) => one.deviceId === row.device_id && one.component === row.component &&
				one.command === row.command && (one.arguments[0] ?? null) === row.level);

			return row.error === "unconfirmed" && place >= 0 && dropped.splice(place, 1).length === 1;
		};
		// ACCEPTED, but the webhook that tells of it came only after the ten seconds that a click waits: the platform
		// tries again less and less often while the database is away.
		const lateRows = await this.parts.rows(`SELECT c.command_id AS id FROM command c
			WHERE c.installation_id = ${quote(home.id)} AND c.error = 'unconfirmed' AND (SELECT min(e.received_at) FROM event e
				WHERE e.installation_id = c.installation_id AND e.device_id = c.device_id AND e.component = c.component
					AND e.event_type = 'DEVICE_EVENT' AND e.event_time >= date_trunc('second', c.sent_at)
					AND CASE c.command WHEN 'setLevel' THEN e.attribute = 'level'
						ELSE e.attribute = 'switch' AND e.value #>> '{}' = c.command END) > c.finished_at`);
		const late = new Set(lateRows.map(({ id }) => id));
		const ids = new Set(rows.map(({ id }) => id));
		const groups = new Map();
		const group = (key) => groups.get(key) ?? groups.set(key, { attempts: 0, accepted: 0, executed: 0 }).get(key);

		assert.deepEqual(home.clicks.filter((id) => !ids.has(id)), [], "every command that was answered 202 is stored");
		assert.deepEqual(rows.filter(({ again }) => again), [], "no command is sent after ACCEPTED");
		assert.deepEqual(rows.filter((row) => row.status === "failed" && !allowed.includes(row.error) && !wasDropped(row) && !late.has(row.id)).map(told), [],
			`commands fail as ${allowed.join(", ")} only`);
		for (const { device_id: device, component, command, level, attempts, accepted } of rows) {
			const one = group([device, component, command, level].join(" "));

			one.attempts += attempts;
			one.accepted += accepted;
		}
		for (const { deviceId, component, command, arguments: args } of this.executed.values())
			if (home.devices.includes(deviceId))
				group([deviceId, component, command, args[0]].join(" ")).executed++; // or dropped: it was taken
		assert.deepEqual([...groups].filter(([, { attempts, accepted, executed }]) => executed > attempts || executed < accepted), [],
			"the platform executed what was sent");
		return rows;
	}

	/**
	 * Wait until all is quiet, then judge every home.  "allowed": the reasons commands may have failed with.
	 * Answers {events, commands: {confirmed, superseded, …}}.
	 */
	async judge(homes, { allowed = ["superseded"], timeoutMs } = {}) {
		const result = { events: 0, commands: {} };

		await this.quiet(homes, timeoutMs);
		const log = await this.note();

		assert.deepEqual(log.filter(({ kind, state }) => kind === "EVENT" && state !== "delivered"), [],
			"no webhook was given up");
		await this.#events();
		result.events = this.delivered.size;
		for (const home of homes) {
			assert.equal((await home.row()).status, "active");
			await this.#switches(home);
			await this.#subscriptions(home);
			for (const { status, error } of await this.#commands(home, allowed))
				result.commands[error ?? status] = (result.commands[error ?? status] ?? 0) + 1;
		}
		return result;
	}
}
