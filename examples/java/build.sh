#!/bin/sh
# What Maven or Gradle would do: a jar of the library, once, and one of the program that names it. A jar is a zip.
set -eu
cd "$(dirname "$0")"
rm -rf target/hello target/hello.jar
mkdir -p target/lib target/greeting target/hello/META-INF

if [ ! -e target/lib/greeting-1.0.jar ]; then
  ${JAVAC:-javac} -d target/greeting greeting/com/acme/greeting/Greeting.java
  (cd target/greeting && zip -qr ../lib/greeting-1.0.jar .)
fi

${JAVAC:-javac} -classpath target/lib/greeting-1.0.jar -d target/hello src/com/acme/hello/Main.java
cp resources/motto.txt target/hello/
cat >target/hello/META-INF/MANIFEST.MF <<EOF
Manifest-Version: 1.0
Main-Class: com.acme.hello.Main
Class-Path: lib/greeting-1.0.jar

EOF
(cd target/hello && zip -qr ../hello.jar .)
