// A TCP relay between a client and a server, whose connections can be made to carry nothing.
import net from "node:net";

export class TcpRelay {
	accepted = 0; // connections since it was made
	#pairs = new Set();

	/** A relay to a port of this host, or to a unix socket, the path of which is given instead. */
	static async make(target) {
		const to = typeof target === "string" ? { path: target } : { port: target, host: "127.0.0.1" };
		const relay = new TcpRelay();

		relay.server = net.createServer({ allowHalfOpen: true }, (client) => {
			const server = net.connect({ ...to, allowHalfOpen: true });
			const pair = [client, server];
			const end = () => {
				relay.#pairs.delete(pair);
				for (const socket of pair)
					socket.destroy();
			};

			relay.accepted++;
			relay.#pairs.add(pair);
			client.pipe(server);
			server.pipe(client);
			for (const socket of pair)
				socket.on("error", end).on("close", end);
		});
		await new Promise((resolve) => relay.server.listen(0, "127.0.0.1", resolve));
		relay.port = relay.server.address().port;
		relay.url = `http://127.0.0.1:${relay.port}`;
		return relay;
	}

	/**
	 * The open connections stay open and carry nothing more, as after a sleep or a change of network; new ones work.
	 * Returns how many there were.
	 */
	stall() {
		for (const [client, server] of this.#pairs) {
			client.unpipe(server);
			server.unpipe(client);
			client.pause();
			server.pause();
		}
		return this.#pairs.size;
	}

	stop() {
		for (const pair of this.#pairs)
			for (const socket of pair)
				socket.destroy();
		return new Promise((resolve) => this.server.close(resolve));
	}
}
