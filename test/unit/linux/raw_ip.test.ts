import { expect, it } from "vitest";
import { EAGAIN } from "../../../src/linux/errno.ts";
import { attachDropAll } from "../../../src/linux/raw_ip.ts";
import { inetAddressOf } from "../../../src/linux/sockaddr.ts";
import {
  AF_INET,
  bind,
  close,
  getsockname,
  recv,
  sendto,
  SOCK_DGRAM,
  socket,
} from "../../../src/linux/socket.ts";

it("attachDropAll() lets nothing in", () => {
  const [receiver, sender] = [socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0)];
  bind(receiver, inetAddressOf("127.0.0.1", 0));
  const address = new Uint8Array(16);
  getsockname(receiver, address);
  const receive = () => {
    sendto(sender, new Uint8Array(5), 5, address);
    return recv(receiver, new Uint8Array(9));
  };
  expect(receive()).toBe(5);
  expect(attachDropAll(receiver)).toBe(0);
  expect(receive()).toBe(-EAGAIN);
  close(receiver);
  close(sender);
});
