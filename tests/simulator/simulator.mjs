// Starts a simulator for one test file and calls its control API and its platform API.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, waitFor } from "../stack.mjs";

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const program = process.env.SIMULATOR ?? path.join(top, "build/switchboard-simulator");

export const APP_ID = "5f0c1f5e-6f0e-4a37-9d3b-0a1e5b7c1d11";
export const CLIENT_ID = "0c9e8a52-3c1b-4b5e-8d57-2f6a6c9b7e42";
export const CLIENT_SECRET = "not-a-real-secret";
export const SCOPE = "r:locations:* r:devices:* x:devices:*";

/** Wait until "probe" returns something true. */
export const until = (what, probe) => waitFor(probe, { what });

/** The app's webhook target: an HTTP server that calls "handler(request, response, body)". */
function startTarget(port, handler) {
	const server = createServer((request, response) => {
		const parts = [];

		request.on("data", (part) => parts.push(part));
		request.on("end", () => handler(request, response, Buffer.concat(parts).toString()));
	});

	return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

export class Simulator {
	static async prepare() {
		const simulator = new Simulator();

		simulator.folder = mkdtempSync(path.join(tmpdir(), "simulator-"));
		simulator.port = await freePort();
		simulator.targetPort = await freePort();
		simulator.base = `http://127.0.0.1:${simulator.port}`;
		simulator.redirectUri = `http://127.0.0.1:${simulator.targetPort}/oauth/callback`;
		return simulator;
	}

	/** With more arguments than it needs. */
	async start(...more) {
		this.child = spawn(program, [
			...more,
			"--port", String(this.port),
			"--state", path.join(this.folder, "state.json"),
			"--target", `http://127.0.0.1:${this.targetPort}/`,
			"--app-id", APP_ID,
			"--client-id", CLIENT_ID,
			"--redirect-uri", this.redirectUri,
		], {
			env: { ...process.env, SIMULATOR_CLIENT_SECRET: CLIENT_SECRET },
			stdio: ["ignore", "ignore", "pipe"],
		});
		this.log = "";
		this.child.stderr.on("data", (part) => (this.log += part));
		this.ended = new Promise((resolve) => {
			this.child.on("error", (error) => resolve(error));
			this.child.on("exit", (code, signal) => resolve(signal ?? code));
		});
		await Promise.race([
			until("the simulator to be ready", () => this.log.includes("event=ready")),
			this.ended.then((how) => {
				throw new Error(`${program} ended: ${how} ${this.log}`);
			}),
		]);
	}

	/** Start it with a target on its target port, and wait until that is confirmed. */
	async startWithTarget(handler) {
		this.target = await startTarget(this.targetPort, handler);
		await this.start();
		await until("the target to be confirmed", async () =>
			(await this.get("state")).app.targetStatus === "CONFIRMED");
	}

	/** Ends it with SIGTERM (or the signal); returns the exit code. */
	stop(signal = "SIGTERM") {
		this.child.kill(signal);
		return this.ended;
	}

	/** Stop the target and the simulator, which must exit with 0, and delete its state. */
	async end() {
		this.target.close();
		this.target.closeAllConnections?.();
		const how = await this.stop();

		rmSync(this.folder, { recursive: true });
		assert.equal(how, 0, this.log);
	}

	async control(method, where, body) {
		const answer = await fetch(`${this.base}/control/${where}`, {
			method,
			body: body === undefined ? undefined : JSON.stringify(body),
		});
		const json = await answer.json();

		if (!answer.ok)
			throw new Error(`${where}: ${answer.status} ${json.error.message}`);
		return json;
	}

	get(where) {
		return this.control("GET", where);
	}

	post(where, body = {}) {
		return this.control("POST", where, body);
	}

	async device(title) {
		const { devices } = await this.get("state");

		return devices.find((device) => (device.label ?? device.name) === title);
	}

	async location(name) {
		const { locations } = await this.get("state");

		return locations.find((location) => location.name === name);
	}

	/** Submit the consent page; returns where the browser is redirected. */
	async decide(fields) {
		const answer = await fetch(`${this.base}/v1/oauth/authorize`, {
			method: "POST",
			redirect: "manual",
			body: new URLSearchParams({
				client_id: CLIENT_ID,
				redirect_uri: this.redirectUri,
				scope: SCOPE,
				state: "the-state",
				...fields,
			}),
		});

		if (answer.status !== 302)
			return { status: answer.status, page: await answer.text() };
		return { status: 302, url: new URL(answer.headers.get("location")) };
	}

	async code(locationName = "Home", fields = {}) {
		const { locationId } = await this.location(locationName);
		const sent = await this.decide({ location: locationId, decision: "allow", ...fields });

		return sent.url.searchParams.get("code");
	}

	/** Call the token endpoint. */
	async token(fields, secret = CLIENT_SECRET) {
		const pair = Buffer.from(`${CLIENT_ID}:${secret}`).toString("base64");
		const answer = await fetch(`${this.base}/v1/oauth/token`, {
			method: "POST",
			headers: { Authorization: `Basic ${pair}`, Accept: "application/json" },
			body: new URLSearchParams({ client_id: CLIENT_ID, ...fields }),
		});

		return { status: answer.status, json: await answer.json() };
	}

	async link(locationName = "Home", fields = {}) {
		const code = await this.code(locationName, fields);
		const answer = await this.token({
			grant_type: "authorization_code",
			code,
			redirect_uri: this.redirectUri,
		});

		return answer.json;
	}

	/** An API call with a token. */
	async call(token, method, where, body) {
		const answer = await fetch(`${this.base}/v1${where}`, {
			method,
			headers: { Authorization: `Bearer ${token}` },
			body: body === undefined ? undefined : JSON.stringify(body),
		});

		return { status: answer.status, headers: answer.headers, json: await answer.json() };
	}

	subscribe(tokens, sourceType, member, detail) {
		return this.call(
			tokens.access_token, "POST", `/installedapps/${tokens.installed_app_id}/subscriptions`,
			{ sourceType, [member]: detail });
	}
}
