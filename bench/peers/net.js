// Node's own echo, as its documentation has it: a socket that is piped to itself.
"use strict";

const net = require("net");

const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
	socket.on("error", () => socket.destroy());
	socket.pipe(socket);
});

server.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 }, () => {
	console.log(`listening ${server.address().port}`);
});
