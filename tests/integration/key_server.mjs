// A key server of the tests' own, and webhooks signed with its keys by node:crypto, an
// implementation that shares no code with Switchboard's or the simulator's.
import { execFileSync } from "node:child_process";
import { createHash, createSign, randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";

const KEY_OPTIONS = {
	rsa: (bits) => [`rsa:${bits}`],
	"rsa-pss": (bits) => ["rsa-pss", "-pkeyopt", `rsa_keygen_bits:${bits}`],
	ec: () => ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
	ed25519: () => ["ed25519"],
};

/** { key, certificate } in PEM, made by the openssl program. */
export function makeKey({ type = "rsa", bits = 2048, days = 2 } = {}) {
	const folder = mkdtempSync(path.join(tmpdir(), "switchboard-key-"));
	const [key, certificate] = ["key.pem", "certificate.pem"].map((file) => path.join(folder, file));

	execFileSync("openssl", ["req", "-x509", "-newkey", ...KEY_OPTIONS[type](bits), "-nodes", "-sha256", "-days", String(days),
		"-subj", "/CN=key.example", "-keyout", key, "-out", certificate], { stdio: "ignore" });
	const pair = { key: readFileSync(key, "utf8"), certificate: readFileSync(certificate, "utf8") };

	rmSync(folder, { recursive: true });
	return pair;
}

/**
 * Serves the entry of a keyId in "keys": { certificate } or { status, body, headers, delayMs, hang }, with
 * "stream" a function that gets the response to write and end, with "socket" bytes that are no response;
 * other keyIds are fetched from "upstream" (the simulator's /key) when that is set, else 404.
 */
export class KeyServer {
	keys = new Map();
	fetches = new Map();
	upstream = undefined;

	async start() {
		this.server = createServer((request, response) => {
			this.answer(request.url, response).catch(() => response.destroy());
		});
		await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
		this.url = `http://127.0.0.1:${this.server.address().port}`;
		return this;
	}

	async answer(keyId, response) {
		const known = this.keys.get(keyId);

		this.fetches.set(keyId, (this.fetches.get(keyId) ?? 0) + 1);
		if (known === undefined && this.upstream !== undefined) {
			const other = await fetch(this.upstream + keyId);

			response.writeHead(other.status);
			response.end(await other.text());
			return;
		}
		if (known?.delayMs)
			await new Promise((resolve) => setTimeout(resolve, known.delayMs));
		if (known?.hang)
			return;
		if (known?.socket !== undefined) {
			response.socket.on("error", () => {});
			response.socket.end(known.socket);
			return;
		}
		response.writeHead(known?.status ?? (known ? 200 : 404), known?.headers);
		if (known?.stream !== undefined) {
			response.on("error", () => {});
			known.stream(response);
			return;
		}
		response.end(known?.certificate ?? known?.body ?? "");
	}

	stop() {
		this.server?.closeAllConnections();
		this.server?.close();
	}
}

/** The headers of a signed webhook; each option replaces one part of it. */
export function sign(body, {
	key, keyId, method = "post", target = "/", date = new Date().toUTCString(), digestOf = body,
	digest = `SHA-256=${createHash("sha256").update(digestOf).digest("base64")}`,
	names = ["(request-target)", "digest", "date"], algorithm = "rsa-sha256", more = {},
}) {
	const values = { "(request-target)": `${method} ${target}`, digest, date, ...more };
	const text = names.map((name) => `${name}: ${values[name]}`).join("\n");
	const signature = createSign("RSA-SHA256").update(text).sign(key, "base64");

	return {
		Authorization: `Signature keyId="${keyId}",signature="${signature}",` +
			`headers="${names.join(" ")}",algorithm="${algorithm}"`,
		Digest: digest,
		Date: date,
	};
}

/** A version-1 UUID whose clock shows "ms" since 1970 and "ticks" of 100 ns more. */
export function timeUuid(ms, ticks = 0) {
	const clock = (BigInt(Math.round(ms)) * 10000n + BigInt(ticks) + 0x01b21dd213814000n)
		.toString(16).padStart(15, "0");

	return `${clock.slice(7)}-${clock.slice(3, 7)}-1${clock.slice(0, 3)}-` +
		`8${randomBytes(2).toString("hex").slice(1)}-${randomBytes(6).toString("hex")}`;
}

/** An EVENT body. */
export function eventBody(installedAppId, events) {
	return JSON.stringify({ messageType: "EVENT", eventData: { installedApp: { installedAppId }, events } });
}

/** One element of its events: a switch that turned on or off. */
export function switchEvent(deviceId, value, { ms = Date.now(), ticks = 0, component = "main", ...rest } = {}) {
	return {
		eventTime: `${new Date(ms).toISOString().slice(0, 19)}Z`,
		eventType: "DEVICE_EVENT",
		deviceEvent: {
			eventId: timeUuid(ms, ticks), locationId: randomUUID(), deviceId, componentId: component,
			capability: "switch", attribute: "switch", value, valueType: "string", stateChange: true, data: {},
			subscriptionName: "switch", ...rest,
		},
	};
}
