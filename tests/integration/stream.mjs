// A client of GET /events: a browser's EventSource without its reconnects.
import http from "node:http";
import { waitFor } from "../stack.mjs";

export class Stream {
	events = []; // { event, id, data }, data parsed
	comments = 0;
	text = "";
	#rest = "";

	/**
	 * "where" is the origin (or anything http.request() takes as options, with a path of its own).
	 * Options: jar (cookies), cursor (in the query), lastEventId (in the header), headers, socketPath (of a
	 * streamer, in place of the web server).
	 */
	constructor(where, { jar, cursor, lastEventId, headers = {}, keep = true, socketPath } = {}) {
		const query = cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`;
		const cookie = jar?.header(where);

		this.keep = keep;
		this.opened = new Promise((resolve) => {
			this.call = http.request(new URL(`/events${query}`, where), {
				agent: false,
				...(socketPath && { socketPath }),
				headers: {
					...(cookie && { Cookie: cookie }),
					...(lastEventId !== undefined && { "Last-Event-ID": lastEventId }),
					...headers,
				},
			}, (answer) => {
				this.status = answer.statusCode;
				this.headers = answer.headers;
				answer.setEncoding("utf8");
				answer.on("data", (part) => this.#parse(part));
				answer.on("error", () => {});
				answer.on("close", () => {
					this.ended = true;
					this.complete = answer.complete;
				});
				resolve(this);
			});
			this.call.on("error", (error) => {
				this.ended = true;
				this.error = error;
				resolve(this);
			});
			this.call.end();
		});
	}

	#parse(part) {
		if (this.keep)
			this.text += part;
		const blocks = (this.#rest + part).split("\n\n");

		this.#rest = blocks.pop();
		for (const block of blocks) {
			const fields = {};

			for (const line of block.split("\n")) {
				const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);

				fields[name] = value;
			}
			if (fields[""] !== undefined)
				this.comments++;
			if (fields.data !== undefined) {
				this.lastEventId = fields.id;
				this.events.push({ event: fields.event, id: fields.id, data: JSON.parse(fields.data) });
			}
		}
	}

	/** Events of one name. */
	of(name) {
		return this.events.filter(({ event }) => event === name);
	}

	/** Wait for the first event, from index "from" on, for which "test" is true. */
	next(test, { from = 0, timeoutMs = 15000 } = {}) {
		return waitFor(() => this.events.slice(from).find(test), {
			timeoutMs,
			what: `an event with ${test}, after ${this.events.length} events, ${this.ended ? "ended" : "open"}`,
		});
	}

	/** Wait until the server ends the stream. */
	end({ timeoutMs = 15000 } = {}) {
		return waitFor(() => this.ended, { timeoutMs, what: "the end of the stream" });
	}

	close() {
		this.call.destroy();
	}
}

/** Open a stream; repeated while the streamer does not answer 200. */
export async function openStream(stack, options = {}, { timeoutMs = 15000 } = {}) {
	let stream;

	await waitFor(async () => {
		stream = await new Stream(stack.url, options).opened;
		if (stream.status === 200)
			return true;
		stream.close();
		throw new Error(`/events answered ${stream.status ?? stream.error}`);
	}, { timeoutMs, intervalMs: 100, what: "an open stream" });
	return stream;
}
