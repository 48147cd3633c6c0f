// What the figures share: the whole stack with many homes in it, the same web server in front of
// empty programs to compare with, signed webhooks, load, and the processor time that each part used.
import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, request, startStack, top, waitFor } from "../stack.mjs";

const run = promisify(execFile);
const tools = path.join(process.env.SWITCHBOARD_BUILD_DIR ?? path.join(top, "build"), "tests/bench");

export const HOMES = 500;
export const DEVICES = 20;
const KEY_ID = "/bench/key";

export const home = (n) => `bench-${String(n).padStart(6, "0")}`;

/** The middle one; of an even number the upper of the two. */
export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
export const harmonic = (...rates) => 1 / rates.reduce((sum, rate) => sum + 1 / rate, 0);

/** Seconds of processor time that a process has used, 0 when it is gone. */
function cpuOf(pid) {
	try {
		const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");

		return (Number(fields[11]) + Number(fields[12])) / 100;
	} catch {
		return 0;
	}
}

function residentOf(pid) {
	try {
		return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
	} catch {
		return 0;
	}
}

class Rig {
	#children = [];

	/** Start everything: "homes" homes of DEVICES lamps, signed in each. */
	static async make({ homes = HOMES, env } = {}) {
		const rig = new Rig();

		rig.stack = await startStack({ env });
		try {
			rig.folder = path.join(rig.stack.stateDir, "bench");
			mkdirSync(rig.folder);
			chmodSync(rig.folder, 0o777);
			rig.processes = rig.stack.pids("webhook.fcgi").length;
			await rig.makeKey();
			await rig.makeHomes(homes);
		} catch (error) {
			await rig.stop();
			throw error;
		}
		return rig;
	}

	/** A certificate that the programs find in the database, as if fetched a moment ago. */
	async makeKey() {
		this.keyFile = path.join(this.folder, "key.pem");
		execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench",
			"-keyout", this.keyFile, "-out", path.join(this.folder, "certificate.pem")], { stdio: "ignore" });
		await this.stack.psql(`INSERT INTO switchboard.signing_key (key_id, certificate, not_after, fetched_at)
			VALUES ('${KEY_ID}', '${readFileSync(path.join(this.folder, "certificate.pem"), "utf8")}',
				now() + interval '2 days', now())`);
	}

	/** Homes that no platform knows: without tokens and jobs, so that the worker leaves them alone. */
	async makeHomes(count, { from = 0, devices = DEVICES } = {}) {
		this.session ??= randomBytes(32).toString("base64url");
		await this.stack.psql(`BEGIN;
			CREATE TEMP TABLE made ON COMMIT DROP AS SELECT 'bench-' || lpad(n::text, 6, '0') AS id, n
				FROM generate_series(${from}, ${from + count - 1}) AS n;
			INSERT INTO user_account (owner_id) SELECT 'owner-' || id FROM made;
			INSERT INTO installation (installation_id, user_id, location_id, location_name, status, sync_state, synced_at)
				SELECT m.id, u.user_id, 'place', 'Home', 'active', 'done', now()
				FROM made m JOIN user_account u ON u.owner_id = 'owner-' || m.id;
			INSERT INTO room (installation_id, room_id, name)
				SELECT m.id, 'r' || r, 'Room ' || r FROM made m, generate_series(1, 5) AS r;
			INSERT INTO device (installation_id, device_id, name, room_id, online)
				SELECT m.id, 'lamp-' || d, 'Lamp ' || d, 'r' || 1 + d % 5, true
				FROM made m, generate_series(0, ${devices - 1}) AS d;
			INSERT INTO switch (installation_id, device_id, component, state, state_at, state_stored_at, seq)
				SELECT m.id, 'lamp-' || d, 'main', 'off', now() - interval '1 hour', now(), 1
				FROM made m, generate_series(0, ${devices - 1}) AS d;
			COMMIT;`);
		await this.stack.psql("VACUUM ANALYZE");
	}

	/** Cookies of a browser that is signed in as the owner of a home. */
	async signIn(id) {
		const cookie = randomBytes(32).toString("base64url");

		await this.stack.psql(`INSERT INTO session (session_hash, user_id, expires_at)
			SELECT '\\x${createHash("sha256").update(cookie).digest("hex")}'::bytea, user_id, now() + interval '1 day'
			FROM installation WHERE installation_id = '${id}'`);
		return `session=${cookie}`;
	}

	/** A process of ours that ends with us. */
	spawn(command, args, options = {}) {
		const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", command, ...args], { stdio: "ignore", ...options });

		this.#children.push(child);
		return child;
	}

	/**
	 * The stack's own web server configuration once more, in front of empty programs: as many
	 * processes as "processes", each answer "bytes" long.  Answers { port, stop() }.
	 */
	async twin({ processes = this.processes, bytes }) {
		const [port] = await freePorts();
		const folder = path.join(this.folder, `twin-${port}`);
		const etc = path.join(this.stack.stateDir, "live", "etc");
		const configurations = [path.join(this.stack.stateDir, "etc"), etc].find((where) => {
			try {
				return readdirSync(where).includes("nginx.conf");
			} catch {
				return false;
			}
		});
		const here = (text) => text.replace(/listen \S+;/, `listen 127.0.0.1:${port};`)
			.replace(/unix:[^;]*\//g, `unix:${folder}/`)
			.replace(/access_log \/[^ ]*/, `access_log ${folder}/access.log`)
			.replace(/error_log \/[^ ]*\.log/, `error_log ${folder}/error.log`);

		mkdirSync(folder);
		chmodSync(folder, 0o777);
		writeFileSync(path.join(folder, "switchboard.conf"), here(readFileSync(path.join(configurations, "switchboard.conf"), "utf8")));
		writeFileSync(path.join(folder, "nginx.conf"), here(readFileSync(path.join(configurations, "nginx.conf"), "utf8"))
			.replace(/include .*switchboard.conf;/, `include ${folder}/switchboard.conf;`)
			.replace(/pid .*;/, `pid ${folder}/nginx.pid;`)
			.replace(/_temp_path \S*\//g, `_temp_path ${folder}/`));
		const isRoot = process.getuid() === 0;
		const user = isRoot ? ["--reuid=switchboard", "--regid=switchboard", "--clear-groups"] : [];
		const start = (signal, ...command) => {
			const child = spawn("setpriv", [...user, "--pdeathsig", signal, "--", ...command], { stdio: "ignore", cwd: "/" });

			this.#children.push(child);
			return child;
		};
		const programs = ["webhook", "dashboard"].map((name) =>
			start("KILL", this.tool("empty"), path.join(folder, `${name}.sock`), String(processes), String(bytes)));

		await waitFor(() => readdirSync(folder).filter((name) => name.endsWith(".sock")).length === 2);
		const nginx = start("TERM", "/usr/sbin/nginx", "-p", `${folder}/`, "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`);

		await waitFor(() => request(`http://127.0.0.1:${port}/`).then(({ status }) => status === 200),
			{ what: "the empty programs" });
		return {
			port,
			stop: async () => {
				await Promise.all([nginx, ...programs].map((child) => new Promise((resolve) => {
					child.on("close", resolve);
					child.kill(child === nginx ? "SIGTERM" : "SIGKILL");
				})));
			},
		};
	}

	/** A copy of a C program where the service user can run it. */
	tool(name) {
		const copy = path.join(this.folder, name);

		execFileSync("install", ["-C", "-m", "755", path.join(tools, name), copy]);
		return copy;
	}

	/** A file of "count" webhooks signed now. */
	async sign(count, { homes = HOMES, devices = DEVICES, port = this.stack.port } = {}) {
		const file = path.join(this.folder, `webhooks-${port}`);

		await run(path.join(tools, "sign"), [this.keyFile, KEY_ID, count, homes, devices, port, file].map(String));
		return file;
	}

	/** A file with one request for "load", sent again and again. */
	page(port, cookie = "", where = "/") {
		const file = path.join(this.folder, `page-${port}`);
		const text = Buffer.from(`GET ${where} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/html\r\n` +
			`Accept-Encoding: identity\r\n${cookie && `Cookie: ${cookie}\r\n`}\r\n`);
		const length = Buffer.alloc(4);

		if (new Uint8Array(new Uint32Array([1]).buffer)[0] === 1)
			length.writeUInt32LE(text.length);
		else
			length.writeUInt32BE(text.length);
		writeFileSync(file, Buffer.concat([length, text]));
		return file;
	}

	/** Play a file; see load.c for what it answers.  Anything but 200 is an error. */
	async load(file, { port = this.stack.port, connections, seconds, rate = 0, again = false }) {
		const { stdout } = await run(path.join(tools, "load"),
			[port, connections, seconds, rate, file, ...(again ? ["again"] : [])].map(String));
		const told = JSON.parse(stdout);

		if (told.bad > 0 || told.broken > 0 || told.requests === 0)
			throw new Error(`load on port ${port}: ${stdout}`);
		return told;
	}

	/** A command of ours that prints JSON or text. */
	async run(name, args) {
		return (await run(path.join(tools, name), args.map(String), { maxBuffer: 1 << 26 })).stdout;
	}

	/** Seconds of processor time used so far, by part of the stack. */
	cpu() {
		const used = { webhook: 0, dashboard: 0, nginx: 0, postgres: 0, events: 0, worker: 0, other: 0 };

		for (const { pid, command } of this.stack.processes()) {
			const name = path.basename(command.split(" ")[0]);
			const part = /^nginx/.test(command) ? "nginx" :
				/postgres/.test(command) ? "postgres" :
					/^(webhook|dashboard)\.fcgi$/.test(name) ? name.replace(".fcgi", "") :
						/^switchboard-(events|worker)$/.test(name) ? name.replace("switchboard-", "") : "other";

			used[part] += cpuOf(pid);
		}
		return used;
	}

	/** Resident KB of each process called "name". */
	resident(name) {
		return this.stack.pids(name).map(residentOf);
	}

	async stop() {
		for (const child of this.#children)
			child.kill("SIGTERM");
		await this.stack.stop();
	}
}

/** See Rig.make(). */
export const makeRig = (options) => Rig.make(options);

/** Microseconds per unit that each part used between two readings of cpu(). */
export const cpuPer = (before, after, units) =>
	Object.fromEntries(Object.keys(before).map((part) => [part, ((after[part] - before[part]) * 1e6) / units]));

/** Times in microseconds as people read them. */
export const ms = (us) => (us < 995 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(us < 9950 ? 2 : 1)} ms`);

export const rate = (perSecond) => `${Math.round(perSecond)}/s`;
