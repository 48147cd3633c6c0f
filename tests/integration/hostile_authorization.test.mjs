// Webhooks whose Authorization header has one defect each: 401, nothing stored, and the next good one is stored.
import { constants, createHash, createHmac, createPrivateKey, createPublicKey, createSign, privateEncrypt } from "node:crypto";
import { test } from "node:test";
import { attackStack, KEY_ID } from "./hostile.mjs";
import { makeKey } from "./key_server.mjs";

const target = attackStack();
const other = makeKey();

// ---- the Authorization header, given the four parameters as they should be ----

const NAMES = ["keyId", "signature", "headers", "algorithm"];
const all = (p) => NAMES.map((name) => p[name]).join(",");
const header = (p) => `Signature ${all(p)}`;
const with_ = (name, text) => (p) => header({ ...p, [name]: text });

const AUTHORIZATIONS = {
	"nothing but the scheme": () => "Signature",
	"the scheme and a comma": () => "Signature ,",
	"no scheme": all,
	"the scheme Basic": (p) => `Basic ${all(p)}`,
	"the scheme Bearer": (p) => `Bearer ${all(p)}`,
	"the scheme twice": (p) => `Signature ${header(p)}`,
	"the scheme and the parameters in one word": (p) => `Signature${all(p)}`,
	"a colon after the scheme": (p) => `Signature: ${all(p)}`,
	"a comma before the parameters": (p) => `Signature ,${all(p)}`,
	"a comma after the parameters": (p) => `${header(p)},`,
	"two commas between parameters": (p) => header(p).replace('",', '",,'),
	"semicolons between parameters": (p) => header(p).replaceAll('",', '";'),
	"blanks between parameters": (p) => header(p).replaceAll('",', '" '),
	"nothing between parameters": (p) => header(p).replaceAll('",', '"'),
	"a colon for an equals sign": (p) => header(p).replace("keyId=", "keyId:"),
	"two equals signs": (p) => header(p).replace("keyId=", "keyId=="),
	"a parameter without a value": (p) => `${header(p)},expires`,
	"a parameter without a name": (p) => `${header(p)},="x"`,
	"a parameter with a name of brackets": (p) => `${header(p)},[x]="x"`,
	"an open quote at the end": (p) => header(p).slice(0, -1),
	"an open quote in the middle": (p) => header(p).replace('",', ","),
	"a backslash before the last quote": (p) => `${header(p).slice(0, -1)}\\"`,
	"text after a closing quote": (p) => header(p).replace('",', '"x,'),
	"single quotes": (p) => header(p).replaceAll('"', "'"),
	"another header's text behind it": (p) => `${header(p)} Basic YTpi`,
	"two signatures in one header": (p) => `${header(p)}, ${header(p)}`,
	"15 KB of parameters": (p) => `${header(p)},${'x="y",'.repeat(2500)}z="y"`.slice(0, 15000),
	"15 KB of quotes": (p) => `${header(p)},${'"'.repeat(14000)}`,
	"15 KB of blanks in the middle, then rubbish": (p) => `Signature ${" ".repeat(14000)}${all(p)}x`,
};
for (const name of ["keyId", "signature", "headers"]) {
	AUTHORIZATIONS[`no ${name}`] = (p) => `Signature ${NAMES.filter((each) => each !== name).map((each) => p[each]).join(",")}`;
	AUTHORIZATIONS[`${name} without quotes`] = (p) => header({ ...p, [name]: p[name].replaceAll('"', "") });
}
for (const name of NAMES) {
	AUTHORIZATIONS[`${name} twice`] = (p) => `${header(p)},${p[name]}`;
	AUTHORIZATIONS[`${name} twice, first another`] = (p) => `Signature ${name}="x",${all(p)}`;
	AUTHORIZATIONS[`${name} again in capitals`] = (p) => `${header(p)},${name.toUpperCase()}="x"`;
	AUTHORIZATIONS[`an empty ${name}`] = with_(name, `${name}=""`);
	AUTHORIZATIONS[`${name} of 10 000 characters`] = with_(name, `${name}="${"a".repeat(10000)}"`);
}
Object.assign(AUTHORIZATIONS, {
	"a signature that is no base64": with_("signature", 'signature="!!!!"'),
	"a signature of one byte": with_("signature", 'signature="AA=="'),
	"a signature of zeros": with_("signature", `signature="${Buffer.alloc(256).toString("base64")}"`),
	"a signature of ones": with_("signature", `signature="${Buffer.alloc(256, 255).toString("base64")}"`),
	"a signature of 2 KB": with_("signature", `signature="${Buffer.alloc(2048, 1).toString("base64")}"`),
	"a signature cut short": (p) => header({ ...p, signature: `signature="${p.value.slice(0, -8)}"` }),
	"a signature with a byte more": (p) => header({ ...p,
		signature: `signature="${Buffer.concat([Buffer.from(p.value, "base64"), Buffer.alloc(1)]).toString("base64")}"` }),
	"a signature with a zero before it": (p) => header({ ...p,
		signature: `signature="${Buffer.concat([Buffer.alloc(1), Buffer.from(p.value, "base64")]).toString("base64")}"` }),
	"a signature with blanks in it": (p) => header({ ...p, signature: `signature="${p.value.slice(0, 40)} ${p.value.slice(40)}"` }),
	"a signature escaped for a URL": (p) => header({ ...p, signature: `signature="${encodeURIComponent(p.value)}"` }),
	"a signature with one bit turned": (p) => {
		const bytes = Buffer.from(p.value, "base64");

		bytes[100] ^= 1;
		return header({ ...p, signature: `signature="${bytes.toString("base64")}"` });
	},
	"headers between commas": with_("headers", 'headers="(request-target),digest,date"'),
	"headers between two blanks": with_("headers", 'headers="(request-target)  digest date"'),
	"headers between tabs": with_("headers", 'headers="(request-target)\tdigest\tdate"'),
	"headers with a blank before": with_("headers", 'headers=" (request-target) digest date"'),
	"headers with a blank after": with_("headers", 'headers="(request-target) digest date "'),
	"a header named twice": with_("headers", 'headers="(request-target) digest date date"'),
	"a header named twice in two cases": with_("headers", 'headers="(request-target) digest date Date"'),
	"a header's name of 100 characters": with_("headers", `headers="(request-target) digest date ${"x".repeat(100)}"`),
	"300 headers": with_("headers", `headers="(request-target) digest date ${Array.from({ length: 300 }, (_, i) => `x-${i}`).join(" ")}"`),
	"headers in another order than signed": with_("headers", 'headers="date digest (request-target)"'),
	"a target without its brackets": with_("headers", 'headers="request-target digest date"'),
});

for (const [name, authorization] of Object.entries(AUTHORIZATIONS)) {
	target.survives(`an Authorization header with ${name} is 401`, async () => {
		const body = target.fresh();
		const headers = target.sign(body);
		const value = /signature="([^"]+)"/.exec(headers.Authorization)[1];

		await target.refuses({ ...headers, Authorization: authorization({
			value, keyId: `keyId="${KEY_ID}"`, signature: `signature="${value}"`,
			headers: 'headers="(request-target) digest date"', algorithm: 'algorithm="rsa-sha256"',
		}) }, { body });
	});
}

// ---- what is signed, and how ----

const ALTERED_TEXTS = {
	"with CR LF between lines": (text) => text.replaceAll("\n", "\r\n"),
	"with a newline at the end": (text) => `${text}\n`,
	"with no blank after colons": (text) => text.replaceAll(": ", ":"),
	"with two blanks after colons": (text) => text.replaceAll(": ", ":  "),
	"with names in capitals": (text) => text.replace("digest:", "Digest:"),
	"with the method in capitals": (text) => text.replace("post /", "POST /"),
	"with HTTP/1.1 on the request line": (text) => text.replace("post /", "post / HTTP/1.1"),
	"for GET": (text) => text.replace("post /", "get /"),
	"for another path": (text) => text.replace("post /", "post /webhook"),
	"for two slashes": (text) => text.replace("post /", "post //"),
	"for a whole address": (text) => text.replace("post /", `post ${target.url}/`),
	"for a query": (text) => text.replace("post /", "post /?"),
	"of nothing": () => "",
	"of the values alone": (text) => text.replaceAll(/^\S+: /gm, ""),
};
const textOf = ({ Digest, Date: date }) => `(request-target): post /\ndigest: ${Digest}\ndate: ${date}`;
const authorization = (signature, algorithm = "rsa-sha256") => `Signature keyId="${KEY_ID}",signature="${
	signature.toString("base64")}",headers="(request-target) digest date",algorithm="${algorithm}"`;

for (const [name, alter] of Object.entries(ALTERED_TEXTS)) {
	target.survives(`a signature ${name} is 401`, async () => {
		const body = target.fresh();
		const headers = target.sign(body);
		const signature = createSign("RSA-SHA256").update(alter(textOf(headers))).sign(target.own.key);

		await target.refuses({ ...headers, Authorization: authorization(signature) }, { body });
	});
}

const SIGNERS = {
	"by another key": (text) => createSign("RSA-SHA256").update(text).sign(other.key),
	"with SHA-1": (text) => createSign("RSA-SHA1").update(text).sign(target.own.key),
	"with SHA-512": (text) => createSign("RSA-SHA512").update(text).sign(target.own.key),
	"with PSS padding": (text) => createSign("RSA-SHA256").update(text).sign({
		key: target.own.key, padding: constants.RSA_PKCS1_PSS_PADDING }),
	"of the bare hash": (text) => privateEncrypt(createPrivateKey(target.own.key), createHash("sha256").update(text).digest()),
	"as a MAC with the certificate for a secret": (text) => createHmac("sha256", target.own.certificate).update(text).digest(),
	"as a MAC with the public key for a secret": (text) => createHmac("sha256",
		createPublicKey(target.own.certificate).export({ type: "spki", format: "pem" })).update(text).digest(),
};

for (const [name, make] of Object.entries(SIGNERS)) {
	target.survives(`a signature ${name} is 401`, async () => {
		const body = target.fresh();
		const headers = target.sign(body);

		for (const algorithm of ["rsa-sha256", "hs2019"])
			await target.refuses({ ...headers, Authorization: authorization(make(textOf(headers)), algorithm) }, { body });
	});
}

for (const algorithm of ["rsa-sha1", "rsa-sha512", "rsa-sha256 ", "rsa-sha256,none", "hmac-sha256", "ecdsa-sha256", "ed25519",
	"dsa-sha1", "none", "None", "\\u0072sa-sha256"]) {
	target.survives(`the algorithm ${JSON.stringify(algorithm)} is 401`, async () => {
		const body = target.fresh();

		await target.refuses(target.sign(body, { algorithm }), { body });
	});
}

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
