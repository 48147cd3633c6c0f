// Key servers with slow, huge, redirecting or wrong answers: no webhook is accepted with what they send, the failure
// is remembered, and the platform's own webhooks are accepted.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { attackStack } from "./hostile.mjs";
import { makeKey } from "./key_server.mjs";

const target = attackStack();
const other = makeKey();
// The target of redirects: it has the certificate, and must get no request.
const redirectTarget = createServer((request, response) => {
	redirectTarget.requests++;
	response.end(target.own.certificate);
});

redirectTarget.requests = 0;
before(async () => {
	redirectTarget.listen(0, "127.0.0.1");
	await once(redirectTarget, "listening");
});
after(() => redirectTarget.close());

/** The certificate with other dates in it; its own signature, which no longer fits, is not checked. */
function dated(certificate, ...dates) {
	const der = Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ""), "base64");
	let at = 0;

	for (const date of dates) {
		at = der.indexOf(Buffer.from([0x17, 13]), at) + 2;
		der.write(date, at, "latin1");
	}
	return `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

const redirect = (status, location) => () => ({ status, headers: { Location: location() } });
const publicKey = (pem) => pem.replace(/CERTIFICATE/g, "PUBLIC KEY");
const noise = Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 7919) & 255));

// name: [what is served, or a function that makes it; the webhook's status, 401 by default; whether that is remembered:
// a good certificate stays unknown until a signature was verified with it, for somebody may name the platform's next
// one before the platform does].
const SERVED = {
	"no such key": [{ status: 404 }],
	"403": [{ status: 403 }],
	"410": [{ status: 410 }],
	"no content": [{ status: 204 }],
	"an empty body": [{ body: "" }],
	"201 with the certificate": [() => ({ status: 201, body: target.own.certificate })],
	"203 with the certificate": [() => ({ status: 203, body: target.own.certificate })],
	"a page": [{ headers: { "Content-Type": "text/html" }, body: "<!DOCTYPE html><title>hello</title>" }],
	"JSON": [{ body: JSON.stringify({ certificate: "x" }) }],
	"301 to the certificate": [redirect(301, () => "/own/key-1")],
	"302 to the certificate redirectTarget": [redirect(302, () => `http://127.0.0.1:${redirectTarget.address().port}/own/key-1`)],
	"303 to the certificate redirectTarget": [redirect(303, () => `http://127.0.0.1:${redirectTarget.address().port}/`)],
	"307 to the certificate redirectTarget": [redirect(307, () => `http://127.0.0.1:${redirectTarget.address().port}/`)],
	"308 to a file": [redirect(308, () => "file:///etc/passwd")],
	"the certificate and 20 KB": [() => ({ body: target.own.certificate + "x".repeat(20000) })],
	"20 KB and the certificate": [() => ({ body: `${"x".repeat(20000)}\n${target.own.certificate}` })],
	"50 MB without an end": [{ stream: (response) => {
		const more = () => {
			while (!response.destroyed && response.write(Buffer.alloc(65536, "x")))
				;
		};

		response.on("drain", more);
		response.on("close", () => response.destroy());
		more();
	} }],
	"a length of 4 GB": [{ headers: { "Content-Length": String(2 ** 32) }, stream: (response) => response.write("x") }],
	"a key of 1024 bits": [() => ({ certificate: makeKey({ bits: 1024 }).certificate })],
	"a public key": [() => ({ body: generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "pem" }) })],
	"a private key": [() => ({ body: target.own.key })],
	"a certificate labelled as a public key": [() => ({ body: publicKey(target.own.certificate) })],
	"a certificate cut in two": [() => ({ body: target.own.certificate.slice(0, 600) })],
	"a certificate with letters changed": [() => ({ body: target.own.certificate.replace(/\n[^-\n]{8}/, "\nAAAAAAAA") })],
	"a certificate with a NUL before it": [() => ({ body: `\0${target.own.certificate}` })],
	"a certificate with a NUL behind it": [() => ({ body: `${target.own.certificate}\0` })],
	"a certificate with bytes that are no UTF-8 behind it": [() => ({
		body: Buffer.concat([Buffer.from(target.own.certificate), Buffer.from([0xff, 0xfe, 10])]) })],
	"a certificate in DER": [() => ({ body: Buffer.from(target.own.certificate.replace(/-----[^-]+-----|\s/g, ""), "base64") })],
	"a certificate packed by gzip": [() => ({ headers: { "Content-Encoding": "gzip" }, body: gzipSync(target.own.certificate) })],
	"noise": [{ body: noise }],
	"a certificate of long ago": [() => ({ body: dated(target.own.certificate, "200101000000Z", "200201000000Z") })],
	"a certificate that ended ten minutes ago": [() => ({ body: dated(target.own.certificate, "200101000000Z", stamp(-600)) })],
	"a certificate to come": [() => ({ body: dated(target.own.certificate, stamp(600), stamp(7200)) })],
	"a certificate that ends before it begins": [() => ({ body: dated(target.own.certificate, stamp(3600), stamp(-3600)) })],
	"a certificate with a date of rubbish": [() => ({ body: dated(target.own.certificate, "99999999XX99Z", "99999999XX99Z") })],
	"a certificate of a curve": [() => ({ certificate: makeKey({ type: "ec" }).certificate })],
	"a certificate of Ed25519": [() => ({ certificate: makeKey({ type: "ed25519" }).certificate })],
	"a certificate for PSS only": [() => ({ certificate: makeKey({ type: "rsa-pss" }).certificate })],
	"another's certificate": [() => ({ certificate: other.certificate }), 401, { remembered: false }],
	"a good certificate behind another's": [() => ({ body: other.certificate + target.own.certificate }), 401, { remembered: false }],
	"500": [{ status: 500 }, 503],
	"503 for ever": [{ status: 503, headers: { "Retry-After": "31536000" } }, 503],
	"429": [{ status: 429 }, 503],
	"a broken connection": [{ stream: (response) => response.destroy() }, 503],
	"a connection broken in the body": [{ headers: { "Content-Length": "1000" }, stream: (response) => {
		response.write("-----BEGIN");
		response.destroy();
	} }, 503],
	"no HTTP": [{ socket: "+OK POP3 ready\r\n" }, 503],
	"headers without an end": [{ socket: `HTTP/1.1 200 OK\r\n${"X-Y: z\r\n".repeat(100000)}` }],
	"no answer": [{ hang: true }, 503],
	"one byte each 200 ms": [{ stream: (response) => {
		const timer = setInterval(() => response.write("-"), 200);

		response.on("close", () => clearInterval(timer));
	} }, 503],
};

function stamp(s) {
	return `${new Date(Date.now() + s * 1000).toISOString().replace(/\D/g, "").slice(2, 14)}Z`;
}

let number = 0;

for (const [name, [served, status = 401, { remembered = true } = {}]] of Object.entries(SERVED)) {
	target.survives(`a key server that answers with ${name}: ${status}`, async () => {
		const keyId = `/hostile/${++number}`;
		const body = target.fresh();

		// Otherwise the budget for unknown keyIds would be used up.
		await target.stack.psql("DELETE FROM signing_key WHERE certificate IS NULL; DELETE FROM signing_key_fetch");
		target.keyServer.keys.set(keyId, typeof served === "function" ? served() : served);
		const answer = await target.signed(body, { keyId });

		assert.equal(answer.status, status, answer.text);
		assert.equal(answer.json().error.code, status === 401 ? "auth" : "unavailable");
		assert.equal(answer.headers["retry-after"] !== undefined, status === 503);
		const fetches = target.keyServer.fetches.get(keyId);

		assert.ok(fetches === 1 || (fetches === 2 && /broken/.test(name)), "a request over a broken connection may be repeated");
		assert.equal((await target.signed(body, { keyId })).status, status, "again");
		assert.equal(target.keyServer.fetches.get(keyId), remembered ? fetches : 2 * fetches, "the failure is remembered");
		assert.equal(redirectTarget.requests, 0);
	});
}

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
