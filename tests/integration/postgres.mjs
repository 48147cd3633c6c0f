// A PostgreSQL cluster of a test's own, which can be stopped and started.
import { execFile } from "node:child_process";
import { appendFileSync, chownSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { ChildProcess, asUser, isRoot, userIdOf } from "../processes.mjs";
import { waitFor } from "../stack.mjs";

const run = promisify(execFile);

export class PostgreSQL {
	/** A new cluster with a database "switchboard" in "folder", which must not exist yet. */
	static async make(folder) {
		const server = new PostgreSQL();
		const versions = readdirSync("/usr/lib/postgresql").map(Number).sort((a, b) => b - a);

		server.programs = `/usr/lib/postgresql/${versions[0]}/bin`;
		server.folder = folder;
		server.data = path.join(folder, "data");
		server.url = `postgresql://owner@/switchboard?host=${folder}`;
		mkdirSync(folder, { mode: 0o755 });
		mkdirSync(server.data, { mode: 0o700 });
		// PostgreSQL refuses to run as root.
		if (isRoot)
			for (const where of [folder, server.data])
				chownSync(where, await userIdOf("postgres"), -1);
		const [file, ...args] = [...asUser("postgres"), path.join(server.programs, "initdb"), "-D", server.data,
			"-A", "trust", "-U", "owner", "-N", "-E", "UTF8", "--locale=C.UTF-8"];

		await run(file, args, { cwd: "/" });
		// Tests kill processes, not the machine: what the kernel has been given is not lost.
		appendFileSync(path.join(server.data, "postgresql.conf"),
			`listen_addresses = ''\nunix_socket_directories = '${folder}'\nfsync = off\n`);
		await server.start();
		await run("createdb", ["-h", folder, "-U", "owner", "switchboard"]);
		return server;
	}

	/** A streaming standby of this one, in "folder", which must not exist yet. */
	async standby(folder) {
		const standby = Object.assign(new PostgreSQL(), { programs: this.programs, folder, data: path.join(folder, "data") });

		standby.url = `postgresql://owner@/switchboard?host=${folder}`;
		mkdirSync(folder, { mode: 0o755 });
		if (isRoot)
			chownSync(folder, await userIdOf("postgres"), -1);
		const [file, ...args] = [...asUser("postgres"), path.join(this.programs, "pg_basebackup"), "-R", "-c", "fast",
			"-h", this.folder, "-U", "owner", "-D", standby.data];

		await run(file, args, { cwd: "/" });
		appendFileSync(path.join(standby.data, "postgresql.conf"), `unix_socket_directories = '${folder}'\n`);
		await standby.start();
		return standby;
	}

	async start() {
		this.child = new ChildProcess([path.join(this.programs, "postgres"), "-D", this.data],
			{ user: "postgres", log: path.join(this.folder, "log"), end: "QUIT" });
		await waitFor(() => run("psql", ["-XAtqc", "SELECT 1", "-h", this.folder, "-U", "owner", "postgres"]),
			{ timeoutMs: 30000, what: "PostgreSQL" });
	}

	/** "fast" ends the sessions; "immediate" is a crash, with recovery at the next start. */
	async stop(mode = "fast") {
		const { child } = this;

		this.child = undefined;
		await child?.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
	}
}
