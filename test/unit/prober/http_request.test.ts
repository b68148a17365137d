import { describe, expect, it } from "vitest";
import { httpRequest } from "../../../src/prober/http_request.ts";

describe("httpRequest", () => {
  it("asks for the path, and to close the connection", () => {
    const check = { method: "GET", path: "/readyz?verbose", host: "api.test", status: [] };
    expect(new TextDecoder().decode(httpRequest(check, "10.0.0.1", 6443, "close"))).toBe(
      "GET /readyz?verbose HTTP/1.1\r\n" +
        "Host: api.test\r\nUser-Agent: lintel\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    );
  });

  it("asks to keep the connection where another check may use it", () => {
    const check = { method: "GET", path: "/", host: "api.test", status: [] };
    const request = new TextDecoder().decode(httpRequest(check, "10.0.0.1", 80, "keep-alive"));
    expect(request).toContain("\r\nConnection: keep-alive\r\n");
  });

  it.each([["10.0.0.1", "10.0.0.1:80"], ["2001:db8::1", "[2001:db8::1]:80"]])(
    "names %s as the host where none is configured",
    (address, host) => {
      const check = { method: "HEAD", path: "/", host: null, status: [] };
      const request = new TextDecoder().decode(httpRequest(check, address, 80, "close"));
      expect(request.split("\r\n").slice(0, 2)).toEqual(["HEAD / HTTP/1.1", `Host: ${host}`]);
    },
  );
});
