// A linked location of the simulated platform, with its owner's browser: what tests click, flip and look up.
import { CookieJar, JOB_IS_OPEN, csrfToken, linkAccount, quote, waitFor } from "../stack.mjs";

let count = 0;

export const lamp = (label) => ({ name: "Lamp", label });
export const lamps = (count) => Array.from({ length: count }, (_, n) => lamp(`Lamp ${n}`));
export const dimmer = (label, level = 50) => ({ name: "Dimmer", label,
	components: [{ id: "main", capabilities: ["switch", "switchLevel"], state: "on", level }] });
export const strip = (label) => ({ name: "Strip", label,
	components: ["main", "outlet1", "outlet2"].map((id) => ({ id, capabilities: ["switch"], state: "off" })) });

/** One installation, its owner's cookies, and the commands that were requested for it. */
export class Installation {
	commandIds = []; // of requests that were answered 202

	/** A new account with one location, linked; returns when its devices and subscriptions are in the database. */
	static async create(stack, devices = lamps(3)) {
		const name = `Location ${++count}`;
		const account = await stack.control("POST", "accounts", { name: `Person ${count}`, locations: [{ name, devices }] });
		const installation = new Installation();

		installation.stack = stack;
		[{ locationId: installation.location }] = account.locations;
		installation.devices = account.locations[0].devices.map(({ deviceId }) => deviceId);
		await installation.link();
		return installation;
	}

	/** Link, or link again with the same browser. */
	async link(jar = this.jar ?? new CookieJar()) {
		this.jar = await linkAccount(this.stack, { location: this.location, jar });
		this.id = (await this.stack.installedApp(this.location)).installedAppId;
		// A job that a killed worker had claimed waits a minute for its lease to end.
		await waitFor(async () => (await this.row()).status === "active" && (await this.list()).length > 0 &&
			await this.jobs() === 0, { timeoutMs: 90000, what: `the first sync of ${this.id}` });
		this.csrf = await csrfToken(this.stack, this.jar);
		this.first = Number(await this.stack.psql(`SELECT generation FROM token WHERE installation_id = ${quote(this.id)}`));
	}

	async row() {
		const [row] = await this.stack.rows(`SELECT * FROM installation WHERE installation_id = ${quote(this.id)}`);

		return row;
	}

	/** Generations are counted from the link: the first refresh makes the second. */
	async token() {
		const [row] = await this.stack.rows(`SELECT t.generation - ${this.first} + 1 AS generation, t.failures, t.last_error, w.lease
			FROM token t LEFT JOIN work w ON w.installation_id = t.installation_id AND w.kind = 'refresh'
			WHERE t.installation_id = ${quote(this.id)}`);

		return row;
	}

	/** How many jobs are due. */
	jobs() {
		return this.stack.psql(`SELECT count(*) FROM work WHERE installation_id = ${quote(this.id)} AND ${JOB_IS_OPEN}
			AND run_at < now() + interval '5 seconds'`).then(Number);
	}

	/** Its switches in GET /api/switches; a status other than 200 throws. */
	async list(jar = this.jar) {
		const answer = await this.stack.request("/api/switches", { jar });

		if (answer.status !== 200)
			throw new Error(`/api/switches answered ${answer.status}`);
		return answer.json().switches.filter(({ installationId }) => installationId === this.id);
	}

	/** Request a command for one switch; returns the answer. */
	async click(device, json = { command: "on" }, { component = "main", jar = this.jar, csrf = this.csrf } = {}) {
		return this.#request(`/api/switches/${device}/${component}`, json, jar, csrf);
	}

	/** Request "on" or "off" for all switches of the location. */
	async clickAll(command, { jar = this.jar, csrf = this.csrf } = {}) {
		return this.#request("/api/switches", { command, installationId: this.id }, jar, csrf);
	}

	async #request(where, json, jar, csrf) {
		const answer = await this.stack.request(where, { json, jar, headers: { "X-CSRF-Token": csrf } });

		if (answer.status === 202)
			this.commandIds.push(...(answer.json().commandIds ?? [answer.json().commandId]));
		return answer;
	}

	flip(device, body = { value: "toggle" }) {
		return this.stack.control("POST", `devices/${device}/flip`, body);
	}

	/** Rows of the commands, in the order of their requests. */
	commands(ids = this.commandIds) {
		return this.stack.rows(`SELECT command_id, device_id, component, command, level, status, error, attempts,
			sent_at, accepted_at, sent_at > accepted_at AS sent_again, finished_at - requested_at AS took
			FROM command WHERE installation_id = ${quote(this.id)}
			AND command_id IN (${ids.map(quote).join(", ") || "NULL"}) ORDER BY requested_at, command_id`);
	}

	/** The same, when all of them are confirmed or failed. */
	async finished(ids = this.commandIds, timeoutMs = 60000) {
		return waitFor(async () => {
			const rows = await this.commands(ids);

			return rows.length === ids.length && rows.every(({ status }) => ["confirmed", "failed"].includes(status)) && rows;
		}, { timeoutMs, intervalMs: 100, what: "the commands to be finished" });
	}

	/** Refresh calls since the last reset of the platform's log, which has no installation for an invalid token. */
	async refreshCalls() {
		const { log } = await this.stack.control("GET", "calls");

		return log.filter((call) => [this.id, null, ""].includes(call.installedAppId) && call.path.endsWith("/oauth/token"));
	}

	/** Calls of POST /devices/{id}/commands since the last reset. */
	async commandCalls() {
		const { log } = await this.stack.control("GET", "calls");

		return log.filter((call) => call.installedAppId === this.id && call.path.endsWith("/commands"));
	}

	/** { "device component": {state, level, online} } at the platform; a device that reported something since it was OFFLINE is online. */
	async platformState() {
		const { devices } = await this.stack.control("GET", "state");
		const found = {};

		for (const device of devices.filter(({ locationId }) => locationId === this.location))
			for (const { id } of device.components) {
				const status = device.status[id];
				const times = Object.values(device.status).flatMap((capabilities) => Object.values(capabilities))
					.flatMap((attributes) => Object.values(attributes)).map(({ timestamp }) => timestamp ?? "");
				const online = device.healthState.state === "ONLINE" || times.some((time) => time > device.healthState.lastUpdatedDate);

				if (status?.switch)
					found[`${device.deviceId} ${id}`] = { state: status.switch.switch.value,
						level: status.switchLevel?.level.value ?? null, online };
			}
		return found;
	}
}
