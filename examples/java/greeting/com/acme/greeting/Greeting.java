package com.acme.greeting;

/** What a library knows: how somebody is greeted. */
public final class Greeting {
  public static String of(String name) {
    return "Hello, " + name + "!";
  }

  private Greeting() {}
}
