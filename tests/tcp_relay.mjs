// A TCP relay between a browser and the web server, whose connections can be made to carry nothing.
import net from "node:net";

export class TcpRelay {
	#pairs = new Set();

	/** A relay to a port of this host. */
	static async make(port) {
		const relay = new TcpRelay();

		relay.server = net.createServer({ allowHalfOpen: true }, (client) => {
			const server = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
			const pair = [client, server];
			const end = () => {
				relay.#pairs.delete(pair);
				for (const socket of pair)
					socket.destroy();
			};

			relay.#pairs.add(pair);
			client.pipe(server);
			server.pipe(client);
			for (const socket of pair)
				socket.on("error", end).on("close", end);
		});
		await new Promise((resolve) => relay.server.listen(0, "127.0.0.1", resolve));
		relay.url = `http://127.0.0.1:${relay.server.address().port}`;
		return relay;
	}

	/** The open connections stay open and carry nothing more, as after a sleep or a change of network. */
	stall() {
		for (const [client, server] of this.#pairs) {
			client.unpipe(server);
			server.unpipe(client);
			client.pause();
			server.pause();
		}
	}

	stop() {
		for (const pair of this.#pairs)
			for (const socket of pair)
				socket.destroy();
		return new Promise((resolve) => this.server.close(resolve));
	}
}
