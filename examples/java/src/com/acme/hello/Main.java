package com.acme.hello;

import com.acme.greeting.Greeting;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

public final class Main {
  public static void main(String[] args) throws IOException {
    try (var motto = Main.class.getResourceAsStream("/motto.txt")) {
      System.out.println(Greeting.of(args.length > 0 ? args[0] : System.getProperty("name", "image")));
      System.out.print(new String(motto.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  private Main() {}
}
