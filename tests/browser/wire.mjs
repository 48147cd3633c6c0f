// What lies between a browser and Switchboard, to be broken: a wire, and a web server of our own.
import { execFile, spawn } from "node:child_process";
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, request, waitFor } from "../stack.mjs";

const run = promisify(execFile);

/** A relay of TCP connections to a port of this host. */
export class Wire {
	#pairs = new Set();

	static async make(port) {
		const wire = new Wire();

		wire.server = net.createServer({ allowHalfOpen: true }, (near) => {
			const far = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
			const pair = [near, far];
			const end = () => {
				wire.#pairs.delete(pair);
				for (const socket of pair)
					socket.destroy();
			};

			wire.#pairs.add(pair);
			near.pipe(far);
			far.pipe(near);
			for (const socket of pair)
				socket.on("error", end).on("close", end);
		});
		await new Promise((resolve) => wire.server.listen(0, "127.0.0.1", resolve));
		wire.url = `http://127.0.0.1:${wire.server.address().port}`;
		return wire;
	}

	/** The connections of now carry nothing more, and nobody is told: as after a sleep. */
	silence() {
		for (const [near, far] of this.#pairs) {
			near.unpipe(far);
			far.unpipe(near);
			near.pause();
			far.pause();
		}
	}

	stop() {
		for (const pair of this.#pairs)
			for (const socket of pair)
				socket.destroy();
		return new Promise((resolve) => this.server.close(resolve));
	}
}

/** nginx with the demo's configuration at a port of its own, which may go away and come back. */
export class Web {
	static async make(stack) {
		const web = new Web();
		const read = (name) => readFileSync(path.join(stack.stateDir, "etc", name), "utf8");

		[web.port] = await freePorts();
		web.url = `http://127.0.0.1:${web.port}`;
		web.work = path.join(stack.stateDir, "other-nginx");
		mkdirSync(web.work);
		if (process.getuid() === 0)
			chownSync(web.work, Number((await run("id", ["-u", "switchboard"])).stdout), -1);
		writeFileSync(path.join(web.work, "switchboard.conf"), read("switchboard.conf")
			.replaceAll(`127.0.0.1:${stack.port}`, `127.0.0.1:${web.port}`).replaceAll(`${stack.stateDir}/log`, web.work));
		writeFileSync(path.join(web.work, "nginx.conf"), read("nginx.conf")
			.replaceAll(`${stack.stateDir}/nginx`, web.work).replaceAll(`${stack.stateDir}/log`, web.work)
			.replaceAll(`${stack.stateDir}/etc`, web.work));
		await web.start();
		return web;
	}

	async start() {
		const output = openSync(path.join(this.work, "output"), "a");
		const user = process.getuid() === 0 ? ["--reuid=switchboard", "--regid=switchboard", "--clear-groups"] : [];

		this.child = spawn("setpriv", [...user, "--pdeathsig", "TERM", "--", "/usr/sbin/nginx", "-p", `${this.work}/`,
			"-e", path.join(this.work, "error.log"), "-c", path.join(this.work, "nginx.conf")],
		{ stdio: ["ignore", output, output], cwd: "/" });
		closeSync(output);
		this.ended = new Promise((resolve) => this.child.on("close", resolve));
		await waitFor(async () => (await request(`${this.url}/static/switchboard.css`)).status === 200, { what: "the web server" });
	}

	/** At once: open connections are cut. */
	async stop() {
		this.child?.kill("SIGTERM");
		await this.ended;
	}
}
