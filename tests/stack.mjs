// The whole stack for a test (./demo with a state directory and ports of its own), and a small
// HTTP client with cookies.  startStack() once per test file, stop() in after().
import { execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TlsFront } from "./tls_front.mjs";
import { sleep, waitFor } from "./wait.mjs";

export { sleep, waitFor };

/**
 * Of a row of table work: a sync, an upkeep of subscriptions or an uninstall that runs or will run soon.  Those that were
 * done, or refused, wait for the next day.
 */
export const JOB_IS_OPEN = `(kind IN ('device_sync', 'subscription_sync', 'uninstall') AND waits_for IS DISTINCT FROM 'link'
	AND (lease IS NOT NULL OR waits_for IS NOT NULL OR run_at < now() + interval '6 hours'))`;

export const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const run = promisify(execFile);

/** A port of 127.0.0.1 that nobody listens on, below the range that outgoing connections use. */
export async function freePort() {
	for (;;) {
		const port = randomInt(10000, 32000);
		const server = net.createServer();
		const free = await new Promise((resolve) => {
			server.on("error", () => resolve(false));
			server.listen(port, "127.0.0.1", () => resolve(true));
		});

		await new Promise((resolve) => server.close(resolve));
		if (free)
			return port;
	}
}

/** Two ports, for the web server and the simulator. */
export async function freePorts() {
	return [await freePort(), await freePort()];
}

/** Cookies of one browser, kept per origin. */
export class CookieJar {
	#origins = new Map();

	/** { name: value } for an address. */
	cookies(url) {
		return Object.fromEntries(this.#origins.get(new URL(url).origin) ?? []);
	}

	header(url) {
		return Object.entries(this.cookies(url)).map(([name, value]) => `${name}=${value}`).join("; ");
	}

	set(url, name, value) {
		const { origin } = new URL(url);

		if (!this.#origins.has(origin))
			this.#origins.set(origin, new Map());
		if (value === undefined)
			this.#origins.get(origin).delete(name);
		else
			this.#origins.get(origin).set(name, value);
	}

	/** Apply Set-Cookie lines. */
	store(url, lines) {
		for (const line of lines ?? []) {
			const [pair, ...attributes] = line.split(";").map((part) => part.trim());
			const at = pair.indexOf("=");
			const gone = attributes.some((attribute) => /^max-age=(0|-\d+)$/i.test(attribute) ||
				(/^expires=/i.test(attribute) && Date.parse(attribute.slice(8)) < Date.now()));

			this.set(url, pair.slice(0, at), gone ? undefined : pair.slice(at + 1));
		}
	}
}

// Authorities made by tests, whose certificates request() believes.
const authorities = new Set();

/**
 * One HTTP request on a connection of its own; redirects are not followed.  "form" and "json" make
 * body and content type; cookies of "jar" are sent and updated; "localAddress" is the caller's address: the web
 * server takes each of 127.0.0.0/8 for another client.
 * Returns { status, headers, location, setCookies, text, json() }.
 */
export function request(url, { method, headers = {}, body, form, json, jar, localAddress, timeoutMs = 20000 } = {}) {
	const all = { ...headers };

	if (form !== undefined) {
		body = new URLSearchParams(form).toString();
		all["Content-Type"] ??= "application/x-www-form-urlencoded";
	} else if (json !== undefined) {
		body = JSON.stringify(json);
		all["Content-Type"] ??= "application/json";
	}
	if (body !== undefined)
		all["Content-Length"] ??= Buffer.byteLength(body);
	const cookies = jar?.header(url);

	if (cookies)
		all.Cookie ??= cookies;
	return new Promise((resolve, reject) => {
		const call = (new URL(url).protocol === "https:" ? https : http).request(url, {
			ca: [...authorities],
			method: method ?? (body === undefined ? "GET" : "POST"),
			headers: all,
			agent: false,
			localAddress,
			timeout: timeoutMs,
		}, (answer) => {
			const parts = [];

			answer.on("data", (part) => parts.push(part));
			answer.on("error", reject);
			answer.on("end", () => {
				const text = Buffer.concat(parts).toString();

				jar?.store(url, answer.headers["set-cookie"]);
				resolve({
					status: answer.statusCode,
					headers: answer.headers,
					location: answer.headers.location &&
						new URL(answer.headers.location, url).href,
					setCookies: answer.headers["set-cookie"] ?? [],
					text,
					json: () => JSON.parse(text),
				});
			});
		});

		call.on("timeout", () => call.destroy(new Error(`no answer from ${url} in ${timeoutMs} ms`)));
		call.on("error", reject);
		call.end(body);
	});
}

/** A text as a literal of SQL. */
export const quote = (text) => `'${String(text).replaceAll("'", "''")}'`;

/** For control("POST", "accounts"): a second person with one location and one switch. */
export const SAM = {
	name: "Sam",
	locations: [{ name: "Flat", rooms: ["Study"], devices: [{ name: "Smart plug", label: "Desk lamp", room: "Study" }] }],
};

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'" };

/** Text of an HTML attribute or text node. */
export function unescapeHtml(text) {
	return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) =>
		decimal ? String.fromCodePoint(Number(decimal)) :
			hex ? String.fromCodePoint(Number.parseInt(hex, 16)) : ENTITIES[name] ?? whole);
}

function attribute(tag, name) {
	const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, "i").exec(tag);

	return found && unescapeHtml(found[1] ?? found[2]);
}

/** The CSRF token of a page's source, null without one. */
export function csrfOf(html) {
	const tag = /<meta\b[^>]*\bname="csrf-token"[^>]*>/i.exec(html);

	return tag && attribute(tag[0], "content");
}

/** GET / with this browser's cookies, and the CSRF token in it. */
export async function csrfToken(stack, jar) {
	const page = await request(`${stack.url}/`, { jar });
	const token = csrfOf(page.text);

	if (!token)
		throw new Error(`no CSRF token on the page: ${page.status} ${page.text.slice(0, 200)}`);
	return token;
}

function fields(html, type) {
	return [...html.matchAll(/<input\b[^>]*>/gi)].map(([tag]) => tag)
		.filter((tag) => attribute(tag, "type") === type)
		.map((tag) => ({ name: attribute(tag, "name"), value: attribute(tag, "value"), tag }));
}

/**
 * /oauth/start, then the platform's consent form; returns the address that the platform redirects to.
 * "location" is an id or the text beside a radio button, without it the first one offered.
 */
export async function consent(stack, { location, account, decision = "allow", jar = new CookieJar() } = {}) {
	const start = await request(`${stack.url}/oauth/start`, { jar });

	if (start.status !== 302)
		throw new Error(`/oauth/start answered ${start.status}: ${start.text.slice(0, 200)}`);
	const page = await request(start.location, { jar });
	const form = Object.fromEntries(fields(page.text, "hidden").map(({ name, value }) => [name, value]));
	const choices = fields(page.text, "radio").filter(({ name }) => name === "location");
	const labelled = (choice) => {
		const after = page.text.slice(page.text.indexOf(choice.tag) + choice.tag.length);

		return unescapeHtml(after.slice(0, after.search(/<\/label>/i)).replace(/<[^>]*>/g, " "));
	};
	const chosen = location === undefined ? choices[0] :
		choices.find((choice) => choice.value === location || labelled(choice).includes(location));

	if (!chosen)
		throw new Error(`no location ${location} on the consent page: ${page.status} ${page.text.slice(0, 300)}`);
	form.location = chosen.value;
	form.decision = decision;
	if (account !== undefined)
		form.account = account;
	const answer = await request(new URL("/v1/oauth/authorize", start.location), { form, jar });

	if (!answer.location)
		throw new Error(`the consent form answered ${answer.status}: ${answer.text.slice(0, 200)}`);
	return { jar, callback: answer.location };
}

/** Link a location through the consent form; returns the cookies of the browser, which is signed in. */
export async function linkAccount(stack, options = {}) {
	const { jar, callback } = await consent(stack, options);
	const answer = await request(callback, { jar });

	if (answer.status !== 303)
		throw new Error(`/oauth/callback answered ${answer.status}: ${answer.text.slice(0, 300)}`);
	return jar;
}

/** Answer the question who should see a location that was linked in somebody else's browser: "here" or "owner". */
export function choose(stack, jar, page, choice) {
	const form = Object.fromEntries(fields(page.text, "hidden").map(({ name, value }) => [name, value]));

	return request(`${stack.url}/oauth/choose`, { form: { ...form, choice }, jar });
}

/** Processes that have the file "processes" of a state directory open: all that ./demo started there. */
export function processesOf(stateDir) {
	const found = [];

	for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
		try {
			const files = readdirSync(`/proc/${pid}/fd`);

			if (files.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `${stateDir}/processes`)) {
				found.push({
					pid: Number(pid),
					command: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim(),
					uid: Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]),
				});
			}
		} catch {
			// It has ended meanwhile, or belongs to another user.
		}
	}
	return found;
}

class Stack {
	output = "";

	constructor(options, ports, front) {
		[this.port, this.simulatorPort] = ports;
		this.front = front;
		// How calls are made, as the simulator logs it.
		this.protocol = front?.protocol ?? "HTTP/1.1";
		this.url = `http://127.0.0.1:${this.port}`;
		this.simulatorUrl = `http://127.0.0.1:${this.simulatorPort}`;
		this.keepState = options.stateDir !== undefined;
		this.stateDir = options.stateDir ?? mkdtempSync(path.join(tmpdir(), "switchboard-test-"));
		// The service user reads files in it.
		if (!this.keepState)
			chmodSync(this.stateDir, 0o755);
		this.env = {
			...process.env,
			SWITCHBOARD_PORT: String(this.port),
			SWITCHBOARD_SIMULATOR_PORT: String(this.simulatorPort),
			SWITCHBOARD_STATE_DIR: this.stateDir,
			...(front && { SWITCHBOARD_SIMULATOR_URL: front.url, SWITCHBOARD_TEST_CA_FILE: front.authorityFile }),
			...(options.buildDir && { SWITCHBOARD_BUILD_DIR: options.buildDir }),
			...options.env,
		};
	}

	/** Start ./demo; returns when it is ready. */
	async start({ timeoutMs = 300000 } = {}) {
		this.output = "";
		// When the test dies, ./demo gets SIGTERM and stops what it started.
		this.child = spawn("setpriv", ["--pdeathsig", "TERM", "--", path.join(top, "demo")], {
			env: this.env,
			stdio: ["ignore", "pipe", "pipe"],
		});
		this.pid = this.child.pid;
		this.child.stdout.on("data", (part) => (this.output += part));
		this.child.stderr.on("data", (part) => (this.output += part));
		this.ended = new Promise((resolve) => {
			this.child.on("error", (error) => resolve(error));
			this.child.on("close", (code, signal) => resolve(signal ?? code));
		});
		await Promise.race([
			waitFor(() => /^ready: \S+\n(simulator: \S+\n)?/m.test(this.output), { timeoutMs, what: "./demo to be ready" }),
			this.ended.then((how) => {
				throw new Error(`./demo ended (${how}): ${this.output}`);
			}),
		]);
	}

	/** Returns when the platform has confirmed the webhook's address: it sends no events before. */
	async confirmed() {
		await waitFor(async () => (await this.control("GET", "state")).app.targetStatus === "CONFIRMED",
			{ timeoutMs: 30000, what: "the confirmation of the webhook" });
	}

	/** The exit status after a signal to ./demo itself. */
	async end(signal = "SIGTERM") {
		this.child.kill(signal);
		return this.ended;
	}

	/** Reports of sanitizers in the logs; the supervisor restarts a program that crashed with one. */
	sanitizerReports() {
		return readdirSync(path.join(this.stateDir, "log"))
			.flatMap((file) => readFileSync(path.join(this.stateDir, "log", file), "utf8").split("\n")
				.filter((line) => /ERROR: \w+Sanitizer|runtime error:|Assertion .* failed/.test(line))
				.map((line) => `${file}: ${line}`));
	}

	/** Stop, assert that no process is left and no sanitizer reported anything, and delete the state directory. */
	async stop() {
		const status = await this.end();

		await this.front?.stop();
		const left = processesOf(this.stateDir).map(({ command }) => command);
		const reports = this.sanitizerReports();

		if (!this.keepState)
			this.clean();
		if (status !== 0)
			throw new Error(`./demo ended with ${status}: ${this.output}`);
		if (left.length > 0)
			throw new Error(`./demo left running: ${left.join(", ")}`);
		if (reports.length > 0)
			throw new Error(reports.join("\n"));
	}

	clean() {
		const live = path.join(this.stateDir, "live");

		if (existsSync(live))
			rmSync(readlinkSync(live), { recursive: true, force: true });
		rmSync(this.stateDir, { recursive: true, force: true });
	}

	/** [{pid, command, uid}] of everything that runs for this stack. */
	processes() {
		return processesOf(this.stateDir);
	}

	/** PIDs of the programs called "name": oauth.fcgi, switchboard-worker, … (not of their supervisors). */
	pids(name) {
		return this.processes()
			.filter(({ command }) => path.basename(command.split(" ")[0]) === name)
			.map(({ pid }) => pid);
	}

	/** The database URL of the owner, or of a program's role ("webhook"). */
	databaseUrlOf(role) {
		const file = role === undefined ? "database.url" : `secrets/url-${role}`;

		return readFileSync(path.join(this.stateDir, file), "utf8").trim();
	}

	get databaseUrl() {
		return this.databaseUrlOf();
	}

	/** Run SQL; returns psql's unaligned output without the last newline, throws on an error. */
	async psql(sql, { role } = {}) {
		const { stdout } = await run("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, this.databaseUrlOf(role)],
			{ maxBuffer: 64 * 1024 * 1024 });

		return stdout.replace(/\n$/, "");
	}

	/** Rows of a SELECT as objects. */
	async rows(select, options) {
		return JSON.parse(await this.psql(
			`SELECT coalesce(json_agg(r), '[]') FROM (${select}) AS r`, options));
	}

	/** A log file: oauth webhook dashboard events worker simulator postgres nginx access error. */
	log(name) {
		return readFileSync(path.join(this.stateDir, "log", `${name}.log`), "utf8");
	}

	/** request() to this stack. */
	request(where, options) {
		return request(new URL(where, this.url), options);
	}

	/** The simulator's control API: control("POST", "devices/ID/flip", {value: "on"}) returns its JSON. */
	async control(method, where, body) {
		const answer = await request(`${this.simulatorUrl}/control/${where}`, { method, json: body });

		if (answer.status >= 300)
			throw new Error(`${method} /control/${where}: ${answer.status} ${answer.text}`);
		return answer.json();
	}

	/** The switches of GET /api/switches for a browser. */
	async switches(jar) {
		return (await this.request("/api/switches", { jar })).json().switches;
	}

	/** The platform's installed app of a location. */
	async installedApp(locationId) {
		const { installedApps } = await this.control("GET", "state");

		return installedApps.find((app) => app.locationId === locationId);
	}

	/** The installation id of the location called "name", when its first sync is done and no job is left. */
	async syncedInstallation(name) {
		const { locations } = await this.control("GET", "state");
		const { installedAppId } = await this.installedApp(locations.find((location) => location.name === name).locationId);

		await waitFor(() => this.psql(`SELECT 1 FROM installation WHERE installation_id = '${installedAppId}'
			AND synced_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM work WHERE installation_id = '${installedAppId}' AND ${JOB_IS_OPEN})`),
		{ timeoutMs: 30000, what: `the first sync of ${name}` });
		return installedAppId;
	}

	/** How many connections to a program's socket ("webhook") are open or wait to be accepted. */
	connectionsTo(program) {
		const [, folder] = /unix:(.*)\/webhook\.sock/.exec(readFileSync(path.join(this.stateDir, "etc/switchboard.conf"), "utf8"));
		const sockets = readFileSync("/proc/net/unix", "utf8").split("\n").filter((line) => line.endsWith(` ${folder}/${program}.sock`));

		return sockets.length - 1; // without the listening one
	}
}

/** How the programs reach the simulated platform: "http1" or "http2" over TLS, else HTTP/1.1 without it. */
export const platformProtocol = process.env.SWITCHBOARD_TEST_PLATFORM;

/** The simulator over TLS, which request() then trusts too; undefined without a protocol. */
export async function startTlsFront(simulatorPort, protocol = platformProtocol) {
	if (!protocol)
		return undefined;
	const front = await TlsFront.make(simulatorPort, protocol);

	authorities.add(front.authority);
	return front;
}

/**
 * Start everything: { url, simulatorUrl, stateDir, databaseUrl, pid, psql(), rows(), log(),
 * request(), control(), pids(), stop() }.  "env" adds variables for ./demo, "buildDir" (or
 * SWITCHBOARD_BUILD_DIR) names a finished build, "stateDir" keeps the state after stop(), "platform" (or
 * SWITCHBOARD_TEST_PLATFORM) is "http1" or "http2": the simulator is reached over TLS, see "front".
 */
export async function startStack(options = {}) {
	for (let attempt = 1; ; attempt++) {
		const ports = await freePorts();
		const front = options.env?.SWITCHBOARD_API_URL ? undefined : await startTlsFront(ports[1], options.platform);
		const stack = new Stack(options, ports, front);

		try {
			await stack.start(options);
			// With a key server of the test's own, webhooks of the simulator are not for Switchboard.
			if (!stack.env.SWITCHBOARD_API_URL && !stack.env.SWITCHBOARD_KEY_URL)
				await stack.confirmed();
			return stack;
		} catch (error) {
			await stack.end();
			await front?.stop();
			if (!stack.keepState)
				stack.clean();
			// Another process took a port after freePorts() had tried it.
			if (attempt === 3 || !/cannot be used \(address already in use\)/.test(error.message))
				throw error;
		}
	}
}
