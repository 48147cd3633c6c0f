// Digests of the tables whose contents matter: compared before and after a request, they show what it changed.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// What is read of each table; other columns (seen_at of a session) and rows (a keyId without a key) change by themselves.
const TABLES = {
	api_call: "t FROM api_call t",
	access: "t FROM access t",
	access_offer: "t FROM access_offer t",
	command: "t FROM command t",
	confirmation: "t FROM confirmation t",
	device: "t FROM device t",
	event: "t FROM event_all t",
	installation: "t FROM installation t",
	oauth_state: "t FROM oauth_state t",
	room: "t FROM room t",
	session: "(t.session_hash, t.user_id, t.user_agent, t.created_at) FROM session t",
	signing_key: "(t.key_id, t.certificate) FROM signing_key t WHERE t.certificate IS NOT NULL",
	subscription: "t FROM subscription t",
	switch: "t FROM switch t",
	token: "t FROM token t",
	user_account: "t FROM user_account t",
	work: "(t.installation_id, t.kind, t.generation, t.waits_for, t.last_error) FROM work t WHERE t.kind <> 'command'",
};

const SELECT = `SELECT json_build_object(${Object.entries(TABLES).map(([table, rows]) =>
	`'${table}', (SELECT md5(coalesce(string_agg(r::text, E'\\n' ORDER BY r::text COLLATE "C"), '')) FROM (SELECT ${
		rows.replace(" FROM", "::text AS r FROM")}) AS x)`).join(", ")})`;

/** Reads the digests over one connection of its own. */
export class TableDigests {
	#waiting = [];

	constructor(stack) {
		this.psql = spawn("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", stack.databaseUrl], { stdio: ["pipe", "pipe", "inherit"] });
		this.psql.on("error", (error) => this.#fail(error));
		this.psql.on("close", (code) => this.#fail(new Error(`psql ended with ${code}`)));
		this.psql.stdin.on("error", () => {}); // "close" reports it
		createInterface({ input: this.psql.stdout }).on("line", (line) => this.#waiting.shift().resolve(JSON.parse(line)));
	}

	#fail(error) {
		this.ended = error;
		for (const { reject } of this.#waiting.splice(0))
			reject(error);
	}

	/** { table: digest of its contents }. */
	read() {
		return new Promise((resolve, reject) => {
			if (this.ended)
				return reject(this.ended);
			this.#waiting.push({ resolve, reject });
			this.psql.stdin.write(`${SELECT};\n`);
		});
	}

	close() {
		this.psql.stdin.end();
	}
}

/** The names of the tables whose contents differ. */
export function changedTables(before, after) {
	return Object.keys(before).filter((table) => before[table] !== after[table]);
}
