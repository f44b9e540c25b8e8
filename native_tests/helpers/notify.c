// Says something by sd_notify(3), and more: each word is a message, with '|' for a line feed, but
// for
//
//     -b       asks whether all before has been taken in, and waits for it: exits with 3 if not
//     -s MS    waits
//     -l       lives on, until it is ended
//     -f FILE  makes the file
//     -t       until SIGTERM comes; what follows is done then
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "helper.h"

static int channel(void) {
  const char* name = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (name == NULL || strlen(name) >= sizeof(address.sun_path)) _exit(4);
  memcpy(address.sun_path, name, strlen(name));
  if (name[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
  if (connect(fd, (struct sockaddr*)&address, size) < 0) _exit(5);
  return fd;
}

static void tell(int fd, char* text) {
  for (char* at = text; *at != '\0'; ++at) {
    if (*at == '|') *at = '\n';
  }
  if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) _exit(6);
}

// The receiver closes its copy of a pipe's end when it has got so far.
static void barrier(int fd) {
  int ends[2];
  if (pipe(ends) < 0) _exit(7);
  char text[] = "BARRIER=1";
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec data = {text, sizeof(text) - 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  message.msg_control = &control;
  message.msg_controllen = sizeof(control);
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
  if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) _exit(6);
  close(ends[1]);
  struct pollfd hung_up = {ends[0], 0, 0};
  if (poll(&hung_up, 1, 60000) != 1) _exit(3);
  close(ends[0]);
}

static void await_term(const sigset_t* term) {
  int number = 0;
  sigwait(term, &number);
}

int main(int argc, char** argv) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  if (has_word(argc, argv, "-t")) sigprocmask(SIG_BLOCK, &term, NULL);
  const int fd = channel();
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "-b") == 0)
      barrier(fd);
    else if (strcmp(argv[i], "-s") == 0)
      pause_ms(argument(argc, argv, ++i, 0));
    else if (strcmp(argv[i], "-l") == 0)
      live_on();
    else if (strcmp(argv[i], "-f") == 0)
      close(open(argv[++i], O_CREAT | O_WRONLY, 0644));
    else if (strcmp(argv[i], "-t") == 0)
      await_term(&term);
    else
      tell(fd, argv[i]);
  }
  return 0;
}
