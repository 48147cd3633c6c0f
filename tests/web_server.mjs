// One more nginx in front of a stack's programs, which a test can stop and start.
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort, request, waitFor } from "./stack.mjs";
import { ChildProcess, isRoot, signal, userIdOf } from "./processes.mjs";

function isRunning(pid) {
	try {
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
}

/** nginx with the demo's configuration, at a port and in a folder of its own. */
export class WebServer {
	/** "folder" must not exist yet. */
	static async make(stack, folder, { port } = {}) {
		const server = new WebServer();
		const read = (name) => readFileSync(path.join(stack.stateDir, "etc", name), "utf8");

		server.port = port ?? await freePort();
		server.url = `http://127.0.0.1:${server.port}`;
		server.folder = folder;
		mkdirSync(folder);
		if (isRoot)
			chownSync(folder, await userIdOf("switchboard"), -1);
		writeFileSync(path.join(folder, "switchboard.conf"), read("switchboard.conf")
			.replaceAll(`127.0.0.1:${stack.port}`, `127.0.0.1:${server.port}`).replaceAll(`${stack.stateDir}/log`, folder));
		writeFileSync(path.join(folder, "nginx.conf"), read("nginx.conf")
			.replaceAll(`${stack.stateDir}/nginx`, folder).replaceAll(`${stack.stateDir}/log`, folder)
			.replaceAll(`${stack.stateDir}/etc`, folder));
		await server.start();
		return server;
	}

	async start() {
		this.child = new ChildProcess(["/usr/sbin/nginx", "-p", `${this.folder}/`,
			"-e", path.join(this.folder, "error.log"), "-c", path.join(this.folder, "nginx.conf")],
		{ user: "switchboard", end: "TERM", log: path.join(this.folder, "output.log") });
		await waitFor(async () => (await request(`${this.url}/static/switchboard.css`)).status === 200, { what: "the web server" });
	}

	/** Stops at once: open connections are cut. */
	async stop() {
		await this.child?.kill("SIGTERM");
	}

	/** kill -9 of the master, then of its workers, as a supervisor does with a control group. */
	async kill() {
		const { pid } = this.child;
		const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

		await this.child.kill();
		for (const worker of workers)
			signal(worker, "SIGKILL");
		await waitFor(() => workers.every((worker) => !isRunning(worker)), { what: "the web server's workers to end" });
	}
}
