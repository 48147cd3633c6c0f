// What must be true when all work is done, whatever failed meanwhile: the simulated platform's own log is
// compared with the database and with what the pages show.
import assert from "node:assert/strict";
import { assertMatchesPlatform } from "./live_page.mjs";
import { JOB_IS_OPEN, quote, waitFor } from "../stack.mjs";

const SUBSCRIPTIONS = ["CAPABILITY switch switch", "CAPABILITY switchLevel level", "DEVICE_HEALTH", "DEVICE_LIFECYCLE"];
const UNFINISHED = "('requested', 'sent', 'accepted')";

/** Collects the platform's logs during a test, and compares everything at its end. */
export class ConsistencyCheck {
	delivered = new Set(); // ids of events that were answered 200
	executed = new Map(); // the platform's commands

	constructor(stack) {
		this.stack = stack;
	}

	/** Copy the simulator's logs, which end with its process and have a limited length. */
	async collectLogs() {
		const { log } = await this.stack.control("GET", "deliveries");
		const { commands } = await this.stack.control("GET", "commands");

		for (const { state, status, eventIds } of log)
			if (state === "delivered" && status === 200)
				eventIds.forEach((id) => this.delivered.add(id));
		for (const command of commands)
			this.executed.set(command.id, command);
		return log;
	}

	async #unfinished(installations) {
		const [queues] = await this.stack.rows(`SELECT
			(SELECT count(*) FROM command WHERE status IN ${UNFINISHED}) AS commands,
			(SELECT count(*) FROM work WHERE ${JOB_IS_OPEN} AND (lease IS NOT NULL OR waits_for IS NOT NULL
				OR run_at < now() + interval '5 seconds')) AS jobs,
			(SELECT count(*) FROM work WHERE kind = 'refresh' AND waits_for IS NULL AND (lease IS NOT NULL OR run_at <= now())) AS tokens,
			(SELECT count(*) FROM confirmation WHERE confirmed_at IS NULL) AS confirmations`);
		const { queued, inFlight } = await this.stack.control("GET", "deliveries");
		const { commands } = await this.stack.control("GET", "commands");
		const accepted = commands.filter(({ executedAt, droppedAt, deviceId }) => executedAt === null && droppedAt === null && installations
			.some((installation) => installation.devices.includes(deviceId))).length;

		return { ...queues, queued, inFlight, accepted };
	}

	/** Wait until nothing is queued, in flight or claimed anywhere. */
	async untilIdle(installations, timeoutMs = 120000) {
		let last;

		await waitFor(async () => {
			last = await this.#unfinished(installations);
			return Object.values(last).every((count) => count === 0);
		}, { timeoutMs, intervalMs: 100, what: "all work to be done" }).catch((error) => {
			throw new Error(`not done: ${JSON.stringify(last)} (${error.message})`);
		});
	}

	async #events() {
		const missing = [...this.delivered];
		const rows = missing.length === 0 ? [] : await this.stack.rows(
			`SELECT event_id::text AS id, count(*) AS copies FROM event GROUP BY event_id`);
		const copies = new Map(rows.map(({ id, copies: count }) => [id, count]));

		assert.deepEqual(missing.filter((id) => !copies.has(id)), [], "events whose webhooks were answered 200 are stored");
		assert.deepEqual([...copies].filter(([, count]) => count !== 1), [], "each event is stored once");
	}

	async #switches(installation) {
		const rows = await this.stack.rows(`SELECT s.device_id AS "deviceId", s.component, s.state, s.level,
			coalesce(d.online, true) AS online FROM switch s JOIN device d USING (installation_id, device_id)
			WHERE s.installation_id = ${quote(installation.id)}`);

		await assertMatchesPlatform(installation, rows, "the database has the platform's states");
		await assertMatchesPlatform(installation, await installation.list(), "the page shows the platform's states");
	}

	async #subscriptions(installation) {
		const { installedApps } = await this.stack.control("GET", "state");
		const { subscriptions } = installedApps.find(({ installedAppId }) => installedAppId === installation.id);
		const kinds = subscriptions.map(({ sourceType, capability }) =>
			[sourceType, capability?.capability, capability?.attribute].filter(Boolean).join(" "));
		const stored = await this.stack.psql(`SELECT string_agg(subscription_id, ' ' ORDER BY subscription_id)
			FROM subscription WHERE installation_id = ${quote(installation.id)}`);

		assert.deepEqual(kinds.sort(), SUBSCRIPTIONS, "exactly the four subscriptions are at the platform");
		assert.equal(stored, subscriptions.map(({ id }) => id).sort().join(" "), "the same subscriptions are in the database");
	}

	/**
	 * The platform gives commands ids of its own, so they are compared by device, component, command and level:
	 * it executed at most as many as the worker counted attempts, at least as many as it accepted, and no command
	 * was sent after it had been accepted.
	 */
	async #commands(installation, allowed) {
		const rows = await this.stack.rows(`SELECT command_id AS id, device_id, component, command, level, status, error,
			attempts, accepted_at IS NOT NULL AS accepted, sent_at > accepted_at AS again, requested_at, sent_at, accepted_at,
			finished_at FROM command WHERE installation_id = ${quote(installation.id)}`);
		// For the message of a failed assertion: the row, and the platform's last commands for that switch.
		const withPlatformLog = ({ device_id: device, component, ...row }) => ({ device, component, ...row,
			platform: [...this.executed.values()].filter((one) => one.deviceId === device && one.component === component)
				.map(({ at, executedAt, command }) => `${command} ${at} ${executedAt}`).slice(-20) });
		// ACCEPTED, but the device went offline before it executed the command, so no event confirms it.
		const dropped = [...this.executed.values()].filter(({ droppedAt }) => droppedAt !== null);
		const wasDropped = (row) => {
			const index = dropped.findIndex((one) => one.deviceId === row.device_id && one.component === row.component &&
				one.command === row.command && (one.arguments[0] ?? null) === row.level);

			return row.error === "unconfirmed" && index >= 0 && dropped.splice(index, 1).length === 1;
		};
		// ACCEPTED, but the event came after the ten seconds that a click waits for it: the platform repeats a
		// webhook that was answered 503 at growing intervals.
		const lateRows = await this.stack.rows(`SELECT c.command_id AS id FROM command c
			WHERE c.installation_id = ${quote(installation.id)} AND c.error = 'unconfirmed' AND (SELECT min(e.received_at) FROM event e
				WHERE e.installation_id = c.installation_id AND e.device_id = c.device_id AND e.component = c.component
					AND e.event_type = 'DEVICE_EVENT' AND e.event_time >= date_trunc('second', c.sent_at)
					AND CASE c.command WHEN 'setLevel' THEN e.attribute = 'level'
						ELSE e.attribute = 'switch' AND e.value #>> '{}' = c.command END) > c.finished_at`);
		const confirmedLate = new Set(lateRows.map(({ id }) => id));
		const ids = new Set(rows.map(({ id }) => id));
		const groups = new Map();
		const group = (key) => groups.get(key) ?? groups.set(key, { attempts: 0, accepted: 0, executed: 0 }).get(key);

		assert.deepEqual(installation.commandIds.filter((id) => !ids.has(id)), [], "every command whose request was answered 202 is stored");
		assert.deepEqual(rows.filter(({ again }) => again), [], "no command is sent after ACCEPTED");
		assert.deepEqual(rows.filter((row) => row.status === "failed" && !allowed.includes(row.error) && !wasDropped(row) && !confirmedLate.has(row.id)).map(withPlatformLog), [],
			`commands fail as ${allowed.join(", ")} only`);
		for (const { device_id: device, component, command, level, attempts, accepted } of rows) {
			const one = group([device, component, command, level].join(" "));

			one.attempts += attempts;
			one.accepted += accepted;
		}
		for (const { deviceId, component, command, arguments: args } of this.executed.values())
			if (installation.devices.includes(deviceId))
				group([deviceId, component, command, args[0]].join(" ")).executed++; // dropped ones too: the platform accepted them
		assert.deepEqual([...groups].filter(([, { attempts, accepted, executed }]) => executed > attempts || executed < accepted), [],
			"the platform executed what was sent, and nothing twice");
		return rows;
	}

	/**
	 * Wait until all work is done, then check every installation.  "allowed": the errors that commands may have.
	 * Returns {events, commands: {confirmed, superseded, …}}.
	 */
	async check(installations, { allowed = ["superseded"], timeoutMs } = {}) {
		const result = { events: 0, commands: {} };

		await this.untilIdle(installations, timeoutMs);
		const log = await this.collectLogs();

		assert.deepEqual(log.filter(({ kind, state }) => kind === "EVENT" && state !== "delivered"), [],
			"every webhook was delivered");
		await this.#events();
		result.events = this.delivered.size;
		for (const installation of installations) {
			assert.equal((await installation.row()).status, "active");
			await this.#switches(installation);
			await this.#subscriptions(installation);
			for (const { status, error } of await this.#commands(installation, allowed))
				result.commands[error ?? status] = (result.commands[error ?? status] ?? 0) + 1;
		}
		return result;
	}
}
