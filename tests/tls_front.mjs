// The simulated platform over TLS: nginx in front of the simulator, with a certificate of an authority made for
// the test, and a relay in front of nginx whose connections can be made to carry nothing.
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { ChildProcess, isRoot } from "./processes.mjs";
import { TcpRelay } from "./tcp_relay.mjs";
import { waitFor } from "./wait.mjs";

const run = promisify(execFile);

/** What the server offers, and what it then writes into the simulator's log of calls. */
export const PROTOCOLS = { http1: "HTTP/1.1", http2: "HTTP/2.0" };

/* A call that the simulator cuts off, or that comes while it is away, ends without an answer here too (444), and
 * nginx tries none again. */
const configuration = ({ folder, simulatorPort, protocol }) => `
daemon off;
${isRoot ? "user root;" : ""}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events {
	worker_connections 4096;
}
http {
	access_log off;
	client_body_temp_path ${folder}/buffers/body;
	fastcgi_temp_path ${folder}/buffers/fastcgi;
	proxy_temp_path ${folder}/buffers/proxy;
	scgi_temp_path ${folder}/buffers/scgi;
	uwsgi_temp_path ${folder}/buffers/uwsgi;
	client_max_body_size 8m;
	keepalive_requests 1000000;
	server {
		listen unix:${folder}/tls.sock ssl${protocol === "http2" ? " http2" : ""};
		ssl_certificate ${folder}/certificate.pem;
		ssl_certificate_key ${folder}/certificate-key.pem;
		ssl_protocols TLSv1.2 TLSv1.3;
		location / {
			proxy_pass http://127.0.0.1:${simulatorPort};
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header X-Caller-Protocol $server_protocol;
			proxy_set_header X-Caller-Connection $connection;
			proxy_next_upstream off;
			proxy_read_timeout 1h;
			error_page 502 504 = @cut;
		}
		location @cut {
			return 444;
		}
	}
}
`;

/** An authority in "folder" (authority.pem), and a certificate for this host that it signed. */
async function makeCertificates(folder) {
	const make = (name, file, ...more) => run("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
		"-nodes", "-days", "30", "-subj", `/CN=${name}`, "-keyout", `${folder}/${file}-key.pem`, "-out", `${folder}/${file}.pem`, ...more]);

	await make("Authority of a test", "authority");
	await make("127.0.0.1", "certificate", "-CA", `${folder}/authority.pem`, "-CAkey", `${folder}/authority-key.pem`,
		"-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE");
}

function answers(socketPath) {
	return new Promise((resolve) => {
		const socket = net.connect(socketPath, () => {
			socket.destroy();
			resolve(true);
		});

		socket.on("error", () => resolve(false));
	});
}

/** { url, protocol, authorityFile, authority }: a platform over TLS. */
export class TlsFront {
	/** "protocol": http1 or http2. */
	static async make(simulatorPort, protocol) {
		const front = new TlsFront();

		if (!PROTOCOLS[protocol])
			throw new Error(`the platform's protocol is one of ${Object.keys(PROTOCOLS).join(", ")}, not ${protocol}`);
		front.protocol = PROTOCOLS[protocol];
		front.folder = mkdtempSync(path.join(tmpdir(), "switchboard-platform-"));
		// The service user reads the authority in it.
		chmodSync(front.folder, 0o755);
		mkdirSync(path.join(front.folder, "buffers"));
		try {
			await makeCertificates(front.folder);
			front.authorityFile = path.join(front.folder, "authority.pem");
			front.authority = readFileSync(front.authorityFile, "utf8");
			await front.#startNginx({ folder: front.folder, simulatorPort, protocol });
			front.relay = await TcpRelay.make(path.join(front.folder, "tls.sock"));
			front.url = `https://127.0.0.1:${front.relay.port}`;
		} catch (error) {
			await front.stop();
			throw error;
		}
		return front;
	}

	async #startNginx(values) {
		const file = (name) => path.join(this.folder, name);

		writeFileSync(file("nginx.conf"), configuration(values));
		this.nginx = new ChildProcess(["/usr/sbin/nginx", "-p", `${this.folder}/`, "-e", file("error.log"), "-c", file("nginx.conf")],
			{ end: "TERM", log: file("output.log") });
		let ended = false;

		this.nginx.ended.then(() => (ended = true));
		await waitFor(async () => ended || answers(file("tls.sock")), { what: "the web server in front of the simulator" });
		if (ended)
			throw new Error(`the web server in front of the simulator ended: ${readFileSync(file("output.log"), "utf8")}`);
	}

	/** The fault "blackhole": connections stay open and nothing passes any more, new ones work; returns how many. */
	blackhole() {
		return this.relay.stall();
	}

	async stop() {
		await this.relay?.stop();
		await this.nginx?.kill("SIGTERM");
		rmSync(this.folder, { recursive: true, force: true });
	}
}
