// Namespace: a set of jobs, whose names are unique in it.
//
//     <runtime>/<namespace>/namespace             who may work in it, where its logs and groups are
//                           jobs/<name>/job       what runs, written when it has been started
//                                       result    what became of it
//                                       control   socket of its keeper
//                                       lock      held while the name is in use
//
// `jobs` belongs to whoever works in it. What is above belongs to whoever has made the namespace,
// root for others: nothing that root acts by is in anybody else's hands.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "job/plot.hpp"

namespace contained::job {

class Namespace {
 public:
  /// ENOENT: there is none of that name. EPERM, with the path of `jobs`: it is another user's.
  static Result<Namespace> open(const std::string& name);

  /// Makes what is missing of it; nothing when all is there. EEXIST: something of that name is
  /// there and not |heir|'s. Only root has heirs; EPERM. Groups that cannot be made are no error:
  /// see no_plot().
  static Result<Namespace> make(const std::string& name, const Heir& heir,
                                const std::string& cgroup_base = {});

  /// For root: removes a namespace that was handed to a user, when he has left nothing in it.
  /// ENOTEMPTY, EBUSY, and ENOENT as above.
  static Status take_back(const std::string& name);

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }
  const std::string& logs() const { return logs_; }  ///< directory
  const Plot& plot() const { return plot_; }
  const Error& no_plot() const { return no_plot_; }  ///< of make(): why plot().path is empty
  int jobs() const { return jobs_.get(); }           ///< directory

  /// Makes its plot anew where it is gone (a reboot, a unit that has ended): where it was, or else
  /// as make() without a base.
  void renew_plot();

  /// The names of its jobs, running or not, sorted.
  std::vector<std::string> names() const;

  /// Removes what a removal that was killed has left beside them.
  void sweep_names() const;

  /// The directory of one. ENOENT.
  Result<UniqueFd> job(const std::string& name) const;

  std::string log_of(const std::string& job) const { return logs_ + "/" + job + ".log"; }

  /// Removes all of it but its logs. ENOTEMPTY while it has jobs, EBUSY while a process is in its
  /// groups.
  Status remove() &&;

 private:
  Status remove_directories();
  static Result<Namespace> open_in(const std::string& runtime, const std::string& name);
  Status settle(const Heir& heir, const std::string& cgroup_base);
  Status settle_logs(const Heir& heir);
  void settle_plot(const Heir& heir, const std::string& cgroup_base);
  Status save(const Heir& heir) const;

  std::string name_;
  std::string path_;
  std::string logs_;
  Plot plot_;
  Error no_plot_;
  UniqueFd directory_;
  UniqueFd jobs_;
};

/// The names of all namespaces in which we work, sorted.
std::vector<std::string> namespaces();

}  // namespace contained::job
