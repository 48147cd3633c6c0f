// No token, code, cookie or key is in plain text in a dump of the database, a log, the arguments of a process, or
// the environment of a process that does not need it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { CookieJar, consent, csrfToken, request, startStack, waitFor } from "../stack.mjs";

const run = promisify(execFile);
let stack;
let code;
let jar;
let invitation;
const tokens = new Set(); // every token and code that the platform issued

before(async () => {
	stack = await startStack({ env: { SWITCHBOARD_LOG_LEVEL: "debug", SWITCHBOARD_SIGN_UP: "invite" } });
});

after(() => stack?.stop());

/** Strings in the simulator's state that look like its tokens and codes. */
function issuedTokens() {
	const folder = path.join(stack.stateDir, "live");
	const file = path.join(existsSync(folder) ? folder : stack.stateDir, "simulator");
	const state = readdirSync(file).map((name) => readFileSync(path.join(file, name), "utf8"))
		.map((text) => JSON.parse(text)).find((json) => json.tokens);
	const found = new Set();
	const collect = (value, key) => {
		if (typeof value === "string" && /token|code/i.test(key) && value.length >= 16)
			found.add(value);
		else if (value && typeof value === "object")
			Object.entries(value).forEach(([name, inner]) => {
				// Some tables are keyed by the token itself.
				if (/token|code/i.test(key) && name.length >= 16)
					found.add(name);
				collect(inner, /^\d+$/.test(name) ? key : name);
			});
	};

	collect({ tokens: state.tokens, refreshTokens: state.refreshTokens, codes: state.codes }, "");
	return found;
}

async function collectTokens() {
	await waitFor(() => issuedTokens().size > 0, { what: "tokens in the simulator's state" });
	issuedTokens().forEach((token) => tokens.add(token));
}

function configuredSecrets() {
	const folder = path.join(stack.stateDir, "secrets");

	return readdirSync(folder).filter((name) => /seal-keys|client-secret/.test(name))
		.map((name) => readFileSync(path.join(folder, name), "utf8").trim().replace(/^\w+:/, ""));
}

test("a location is linked and its token refreshed", async () => {
	const granted = await consent(stack);

	({ jar } = granted);
	code = new URL(granted.callback).searchParams.get("code");
	const answer = await request(granted.callback, { jar });

	assert.equal(answer.status, 303);
	await waitFor(async () => (await stack.psql("SELECT count(*) FROM switch")) !== "0", { what: "switches" });
	await collectTokens();
	await stack.control("POST", "tokens/expire", {});
	const generation = () => stack.psql("SELECT generation FROM token").then(Number);
	const first = await generation();

	await stack.psql("UPDATE work SET run_at = now() WHERE kind = 'refresh'; SELECT wake('switchboard_work', '')");
	await waitFor(async () => await generation() > first, { what: "a refreshed token" });
	await collectTokens();
	assert.ok(tokens.size >= 2, "the platform issued tokens");
});

test("an invitation is made and accepted, also while the dashboard is away", async () => {
	const made = await stack.request("/invitations", { jar, form: { csrf: await csrfToken(stack, jar) } });
	const guest = new CookieJar();

	[, invitation] = /\/join\/([A-Za-z0-9_-]{43})</.exec(made.text);
	const page = await stack.request(`/join/${invitation}`, { jar: guest });
	const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)[1];

	assert.equal((await stack.request(`/join/${invitation}`, { jar: guest, form: { csrf } })).status, 200);
	assert.equal(guest.cookies(stack.url).invitation, invitation);
	// As people mistype it or mail programs lengthen it.
	for (const where of [`/join/${invitation}.`, `/join/${invitation}/`, `/Join/${invitation}`, `//join/${invitation}`, `/join/${invitation.slice(0, -1)}`])
		assert.equal((await request(`${stack.url}${where}`)).status, 404, where);
	const [, folder] = /unix:(.*)\/webhook\.sock/.exec(readFileSync(path.join(stack.stateDir, "etc/switchboard.conf"), "utf8"));
	const socket = path.join(folder, "dashboard.sock");

	renameSync(socket, `${socket}.away`);
	try {
		assert.equal((await stack.request(`/join/${invitation}`)).status, 503);
	} finally {
		renameSync(`${socket}.away`, socket);
	}
	// Both are written after the answers: wait until all are there, so that the next tests see them.
	const lines = (log, pattern) => stack.log(log).match(pattern)?.length;

	await waitFor(() => lines("access", / \/[Jj]oin\/\* /g) === 8, { what: "eight requests in the access log" });
	await waitFor(() => lines("dashboard", /event=request .*path=\/{1,2}[Jj]oin\/\*/g) === 7, { what: "seven in the dashboard's" });
});

test("a dump of the database holds no token, code or cookie", async () => {
	const { stdout } = await run("pg_dump", ["--inserts", stack.databaseUrl], { maxBuffer: 256 * 1024 * 1024 });
	const cookie = Object.values(jar.cookies(stack.url)).find((value) => value.length >= 40);

	assert.match(stdout, /INSERT INTO switchboard\.token/);
	assert.match(stdout, /INSERT INTO switchboard\.invitation/);
	for (const secret of [...tokens, code, cookie, invitation, ...configuredSecrets()])
		assert.ok(!stdout.includes(secret), "a secret is in the dump");
	// bytea is dumped as hex: sealed, not just encoded.
	for (const secret of [...tokens, invitation])
		assert.ok(!stdout.includes(Buffer.from(secret).toString("hex")), "a token is in the dump as hex");
});

test("no log holds a secret, at level debug", () => {
	const folder = path.join(stack.stateDir, "log");
	const cookie = Object.values(jar.cookies(stack.url)).find((value) => value.length >= 40);

	for (const name of readdirSync(folder)) {
		// The simulator's log is not Switchboard's.
		if (name === "simulator.log")
			continue;
		const text = readFileSync(path.join(folder, name), "utf8");

		for (const secret of [...tokens, code, cookie, invitation.slice(0, -1), ...configuredSecrets()])
			assert.ok(!text.includes(secret), `a secret is in ${name}`);
	}
	assert.match(stack.log("worker"), /level=/, "there are lines to look at");
});

test("only oauth and worker are given client secret and seal keys", () => {
	const secret = /^SWITCHBOARD_(CLIENT_SECRET|SEAL_KEYS)/;

	for (const { pid, command } of stack.processes()) {
		const name = path.basename(command.split(" ")[0]);
		const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");

		if (/^(webhook\.fcgi|dashboard\.fcgi|switchboard-events|nginx)/.test(name))
			assert.ok(!variables.some((line) => secret.test(line)), `${name} is given a secret`);
		for (const value of [...configuredSecrets(), ...tokens])
			assert.ok(!command.includes(value), `${name} has a secret in its arguments`);
	}
});

test("the roles of webhook, dashboard, streamer and oauth cannot read a token", async () => {
	for (const role of ["webhook", "dashboard", "events", "oauth"]) {
		await assert.rejects(stack.psql("SELECT * FROM switchboard.token", { role }), /permission denied/, role);
		await assert.rejects(stack.psql("SELECT count(*) FROM switchboard.token", { role }), /permission denied/, role);
	}
	assert.equal(await stack.psql("SELECT count(*) FROM switchboard.token", { role: "worker" }), "1");
});
