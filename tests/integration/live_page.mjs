// What a page in a browser does: it reads the list of switches, then follows the stream and reconnects.
import assert from "node:assert/strict";
import http from "node:http";
import { sleep, waitFor } from "../stack.mjs";

/** { "device component": {state, level, online} } of a list of switches. */
const statesOf = (switches) => Object.fromEntries([...switches].map(({ deviceId, component, state, level, online }) =>
	[`${deviceId} ${component}`, { state, level, online }]));

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Assert that these switches (of a list or a page) have the states that the platform has. */
export async function assertMatchesPlatform(installation, switches, message) {
	assert.deepEqual(sorted(statesOf(switches)), sorted(await installation.platformState()), message);
}

/** An open page: the list, then the stream, with Last-Event-ID after a reconnect. */
export class LivePage {
	switches = new Map();
	failures = []; // events "command"
	streams = 0; // opened so far
	resumed = 0; // of them with Last-Event-ID
	listReads = 0;
	lastEventId = undefined;

	constructor(installation, { jar = installation.jar, reconnectMs = 100 } = {}) {
		this.installation = installation;
		this.jar = jar;
		this.reconnectMs = reconnectMs;
		installation.stack.running.add(this);
	}

	async open() {
		await this.#readList();
		this.ended = this.#keepStreaming();
		await waitFor(() => this.connected, { what: "the stream" });
		return this;
	}

	async #readList() {
		const answer = await this.installation.stack.request("/api/switches", { jar: this.jar });

		if (answer.status !== 200)
			throw new Error(`/api/switches answered ${answer.status}`);
		const { cursor, switches } = answer.json();

		this.listReads++;
		this.cursor = cursor;
		this.switches = new Map(switches.filter(({ installationId }) => installationId === this.installation.id)
			.map((item) => [`${item.deviceId} ${item.component}`, item]));
	}

	async #keepStreaming() {
		while (!this.closed) {
			await this.#stream().catch(() => {});
			this.connected = false;
			if (!this.closed)
				await sleep(this.reconnectMs);
		}
	}

	#stream() {
		const { stack } = this.installation;
		const where = new URL(this.lastEventId === undefined ? `/events?cursor=${encodeURIComponent(this.cursor)}` : "/events", stack.url);
		const headers = { Cookie: this.jar.header(stack.url), ...(this.lastEventId !== undefined && { "Last-Event-ID": this.lastEventId }) };

		return new Promise((resolve, reject) => {
			this.call = http.get(where, { headers, agent: false }, (answer) => {
				let text = "";

				this.status = answer.statusCode;
				if (answer.statusCode !== 200) {
					answer.resume();
					answer.on("close", resolve);
					return;
				}
				this.streams++;
				this.resumed += this.lastEventId !== undefined;
				this.connected = true;
				answer.setEncoding("utf8");
				answer.on("data", (part) => {
					text += part;
					for (let at; (at = text.indexOf("\n\n")) >= 0; text = text.slice(at + 2))
						this.#handle(text.slice(0, at));
				});
				answer.on("error", resolve);
				answer.on("close", resolve);
			});
			this.call.on("error", reject);
		});
	}

	#handle(block) {
		const fields = Object.fromEntries(block.split("\n").filter((line) => /^\w+: /.test(line))
			.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
		const data = fields.data === undefined ? {} : JSON.parse(fields.data);

		if (fields.id !== undefined)
			this.lastEventId = fields.id;
		if (fields.event === "switch" && data.installationId === this.installation.id)
			this.switches.set(`${data.deviceId} ${data.component}`, data);
		else if (fields.event === "command")
			this.failures.push(data);
		else if (fields.event === "bye")
			this.closed = true;
		else if ((fields.event === "sync" && data.structure) || fields.event === "installation")
			// As the page does: switches were added or removed.
			waitFor(() => this.#readList().then(() => true), { timeoutMs: 30000 }).catch(() => {});
	}

	/** Close the connection; the page reconnects. */
	dropConnection() {
		this.call?.destroy();
	}

	/** Close without waiting. */
	abandon() {
		this.closed = true;
		this.dropConnection();
		this.installation.stack.running.delete(this);
	}

	async close() {
		this.abandon();
		await this.ended;
	}

	/** Wait until the page shows the platform's state with nothing pending; returns the milliseconds. */
	async untilCurrent(timeoutMs = 5000) {
		const start = Date.now();

		await waitFor(async () => {
			await assertMatchesPlatform(this.installation, this.switches.values());
			return [...this.switches.values()].every(({ pending }) => !pending);
		}, { timeoutMs, what: "the page to show the platform's state" });
		return Date.now() - start;
	}
}
